package bootstrap

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

func listener(f Facts, opt Options, a *corev3.Address) *listenerv3.Listener {
	table := &routev3.RouteConfiguration{
		Name:         "sealmesh",
		VirtualHosts: []*routev3.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: routes(f, opt), RequestHeadersToRemove: ours}},
	}
	apply(TableSettings, table, f)
	manager := &hcmv3.HttpConnectionManager{
		StatPrefix:     "ingress",
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: table},
		HttpFilters: []*hcmv3.HttpFilter{
			{Name: filterName, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(filter(f))}},
			{Name: "envoy.filters.http.router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(plainRouter())}},
		},
	}
	apply(ManagerSettings, manager, f)
	plainManager(manager, opt)
	l := &listenerv3.Listener{
		Name:    "ingress",
		Address: a,
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: pack(manager)},
		}}}},
	}
	apply(ListenerSettings, l, f)
	return l
}
