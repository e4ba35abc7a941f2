package bootstrap

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	"google.golang.org/protobuf/proto"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

const filterName = "envoy.filters.http.ext_proc"

// filter is the filter as a whole: closed on failure, headers of the request
// only. Each route says what more it needs.
func filter(f Facts) *procv3.ExternalProcessor {
	m := new(procv3.ExternalProcessor)
	apply(FilterSettings, m, f)
	return m
}

// perRoute asks for the fewest phases that the rules of r need. Where it needs none, Envoy leaves
// the filter out of the request's chain, before any filter runs: ExtProcPerRoute would have it made,
// to do nothing, for a tenth of what the request costs. It is safe while no filter before
// ext_proc chooses the route anew, as here, where ext_proc is the first.
func perRoute(r *policy.Route, f Facts) proto.Message {
	if Off(r) {
		return &routev3.FilterConfig{Disabled: true}
	}
	m := &procv3.ProcessingMode{
		RequestHeaderMode:   procv3.ProcessingMode_SEND,
		ResponseHeaderMode:  procv3.ProcessingMode_SKIP,
		RequestTrailerMode:  procv3.ProcessingMode_SKIP,
		ResponseTrailerMode: procv3.ProcessingMode_SKIP,
	}
	if r.Request != nil {
		apply(ModeSettings, Direction{Plan: r.Request, Mode: m}, f)
	}
	if r.Response != nil {
		apply(ModeSettings, Direction{Plan: r.Response, Response: true, Mode: m}, f)
	}
	return &procv3.ExtProcPerRoute{Override: &procv3.ExtProcPerRoute_Overrides{
		Overrides: &procv3.ExtProcOverrides{ProcessingMode: m},
	}}
}
