package envoycheck

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// An effective is the configuration of one ext_proc filter on one Envoy route.
type effective struct {
	*processor
	mode  *procv3.ProcessingMode
	off   bool
	early bool   // off before any filter runs: by FilterConfig, or because no route turned the filter on
	allow bool   // failure_mode_allow
	other string // grpc_service of the route, which replaces the filter's
}

// levels returns the places that may configure a filter for t, the most
// specific last: table, virtual host, route, and one weighted cluster of the
// route.
func levels(table *routev3.RouteConfiguration, t taken, w *routev3.WeightedCluster_ClusterWeight) []map[string]*anypb.Any {
	return []map[string]*anypb.Any{
		table.GetTypedPerFilterConfig(), t.host.GetTypedPerFilterConfig(), t.route.GetTypedPerFilterConfig(), w.GetTypedPerFilterConfig(),
	}
}

// resolve returns what levels say of p. Two things may turn the filter off: the
// chain is built without it (FilterConfig, or disabled where no level has a
// configuration), or the filter itself does nothing (ExtProcPerRoute). For
// each, the most specific level decides.
func (p *processor) resolve(levels []map[string]*anypb.Any) effective {
	e := effective{processor: p, mode: p.config.GetProcessingMode(), early: p.off}
	for _, level := range levels {
		per, found := level[p.name]
		if !found {
			continue
		}
		e.early = false
		wrapped := new(routev3.FilterConfig)
		if unpack(per, wrapped) {
			if wrapped.GetDisabled() {
				e.early = true
				continue
			}
			per = wrapped.GetConfig()
		}
		route := new(procv3.ExtProcPerRoute)
		if !unpack(per, route) {
			continue
		}
		e.off = route.GetDisabled()
		e.override(route.GetOverrides())
	}
	e.off = e.off || e.early
	return e
}

func (e *effective) override(o *procv3.ExtProcOverrides) {
	if o.GetProcessingMode() != nil {
		e.mode = o.GetProcessingMode()
	}
	if o.GetFailureModeAllow() != nil {
		e.allow = o.GetFailureModeAllow().GetValue()
	}
	if s := o.GetGrpcService(); s != nil {
		e.other = target(s)
	}
}

// knows reports whether the modes of e are known. If the filter is not in the
// file, only a route that sets the modes says so.
func (e *effective) knows() bool { return e.config != nil || e.mode != nil }

// retries reports whether Envoy may send a request of t more than once.
func retries(t taken) bool {
	v, a := t.host, t.route.GetRoute()
	return v.GetRetryPolicy() != nil || v.GetRetryPolicyTypedConfig() != nil || v.GetHedgePolicy() != nil ||
		a.GetRetryPolicy() != nil || a.GetRetryPolicyTypedConfig() != nil || a.GetHedgePolicy() != nil
}

// redirects reports whether Envoy itself follows redirects of the upstream on
// a.
func redirects(a *routev3.RouteAction) bool {
	return a.GetInternalRedirectPolicy() != nil ||
		a.GetInternalRedirectAction() == routev3.RouteAction_HANDLE_INTERNAL_REDIRECT // Envoy still obeys it
}
