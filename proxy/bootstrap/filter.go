package bootstrap

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

const filterName = "envoy.filters.http.ext_proc"

// filter returns the ext_proc filter: it fails closed, and sends request
// headers only. Each route says what more it needs.
func filter(f Facts) *procv3.ExternalProcessor {
	m := new(procv3.ExternalProcessor)
	apply(FilterSettings, m, f)
	return m
}

// perRoute enables the fewest phases that the rules of r need. On a route
// without rules, Envoy leaves the filter out of the request's chain before any
// filter runs. ExtProcPerRoute would create the filter only to do nothing, for
// a tenth of the cost of the request. Leaving the filter out is safe while no
// filter before ext_proc changes the route. Here ext_proc is the first.
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
	return overrides(&procv3.ExtProcOverrides{ProcessingMode: m}, f)
}

// unmatched returns what a request gets that no route of the policy takes: the
// filter's own modes.
func unmatched(f Facts) map[string]*anypb.Any {
	if f.stamp == "" {
		return nil
	}
	return map[string]*anypb.Any{filterName: pack(overrides(new(procv3.ExtProcOverrides), f))}
}

// overrides adds the stamp to o, if routes carry it.
func overrides(o *procv3.ExtProcOverrides, f Facts) *procv3.ExtProcPerRoute {
	if f.stamp != "" {
		o.GrpcService = processor(f.stamp)
	}
	return &procv3.ExtProcPerRoute{Override: &procv3.ExtProcPerRoute_Overrides{Overrides: o}}
}
