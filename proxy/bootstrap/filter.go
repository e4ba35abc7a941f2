package bootstrap

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	"google.golang.org/protobuf/proto"

	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

const filterName = "envoy.filters.http.ext_proc"

// filter is the filter as a whole: closed on failure, headers of the request
// only. Each route says what more it needs.
func filter(p *policy.Policy, opt Options) *procv3.ExternalProcessor {
	f := &procv3.ExternalProcessor{
		GrpcService: &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
			EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: processorCluster},
		}},
		FailureModeAllow: false,
		MessageTimeout:   seconds(messageTimeout),
		// sealmesh sets the length of a body that it has whole, and removes it from every other.
		AllowContentLengthHeader: !opt.Buffered,
		ProcessingMode: &procv3.ProcessingMode{
			RequestHeaderMode:  procv3.ProcessingMode_SEND,
			ResponseHeaderMode: procv3.ProcessingMode_SKIP,
		},
	}
	if slices.ContainsFunc(p.Routes, sealsResponses) {
		// Envoy's own reply to a request that no filter saw is told from a response.
		f.ResponseAttributes = proxy.ResponseAttributes
	}
	return f
}

func sealsResponses(r *policy.Route) bool {
	return r.Response != nil && slices.ContainsFunc(r.Response.Rules, func(rule policy.Rule) bool { return !rule.Open })
}

// disabled reports whether the filter is off on r: no rule of it could apply.
func disabled(r *policy.Route) bool { return r.Skip || r.Request == nil && r.Response == nil }

// perRoute asks for the fewest phases that the rules of r need. Where it needs none, Envoy leaves
// the filter out of the request's chain, before any filter runs: ExtProcPerRoute would have it made,
// to do nothing, for a tenth of what the request costs. It is safe while no filter before
// ext_proc chooses the route anew, as here, where ext_proc is the first.
func perRoute(r *policy.Route, opt Options) proto.Message {
	if disabled(r) {
		return &routev3.FilterConfig{Disabled: true}
	}
	m := &procv3.ProcessingMode{
		RequestHeaderMode:   procv3.ProcessingMode_SEND,
		ResponseHeaderMode:  procv3.ProcessingMode_SKIP,
		RequestTrailerMode:  procv3.ProcessingMode_SKIP,
		ResponseTrailerMode: procv3.ProcessingMode_SKIP,
	}
	if r.Request != nil {
		m.RequestBodyMode, m.RequestTrailerMode = body(r.Request, opt)
	}
	if r.Response != nil {
		m.ResponseHeaderMode = procv3.ProcessingMode_SEND
		m.ResponseBodyMode, m.ResponseTrailerMode = body(r.Response, opt)
	}
	return &procv3.ExtProcPerRoute{Override: &procv3.ExtProcPerRoute_Overrides{
		Overrides: &procv3.ExtProcOverrides{ProcessingMode: m},
	}}
}

// body gives the body mode of a plan, and the trailer mode that it requires.
func body(p *policy.Plan, opt Options) (procv3.ProcessingMode_BodySendMode, procv3.ProcessingMode_HeaderSendMode) {
	if p.Mode == policy.Buffered && opt.Buffered {
		return procv3.ProcessingMode_BUFFERED, procv3.ProcessingMode_SKIP
	}
	return procv3.ProcessingMode_FULL_DUPLEX_STREAMED, procv3.ProcessingMode_SEND
}
