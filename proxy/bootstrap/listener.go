package bootstrap

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// pathOverrides are what some frameworks take for the path (CVE-2018-14773): a request of a
// skipped route could be one of a protected route to the upstream.
var pathOverrides = []string{"x-original-url", "x-rewrite-url"}

func listener(p *policy.Policy, opt Options, a *corev3.Address, buffer uint32) (*listenerv3.Listener, error) {
	table := &routev3.RouteConfiguration{
		Name:                   "sealmesh",
		VirtualHosts:           []*routev3.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: routes(p, opt)}},
		RequestHeadersToRemove: pathOverrides,
	}
	if slices.ContainsFunc(p.Routes, func(r *policy.Route) bool { return !r.Skip && len(r.Methods) > 0 }) {
		table.RequestHeadersToRemove = append(proxy.MethodOverrides(), pathOverrides...)
	}
	manager := &hcmv3.HttpConnectionManager{
		StatPrefix:     "ingress",
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: table},
		HttpFilters: []*hcmv3.HttpFilter{
			{Name: filterName, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(filter(p, opt))}},
			{Name: "envoy.filters.http.router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(&routerv3.Router{})}},
		},
		UseRemoteAddress: wrapperspb.Bool(true),
		// A gateway interface (CGI, WSGI, PHP) cannot tell content_encoding from content-encoding.
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_DROP_HEADER},
		// One reading of a path for Envoy, sealmesh and the upstream.
		NormalizePath:                wrapperspb.Bool(true),
		MergeSlashes:                 true,
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_REJECT_REQUEST,
	}
	return &listenerv3.Listener{
		Name:                          "ingress",
		Address:                       a,
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(buffer),
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: pack(manager)},
		}}}},
	}, nil
}
