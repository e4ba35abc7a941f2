package bootstrap

import (
	"fmt"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// listener returns the listener, whose manager has the routes and the ext_proc
// filter already, or knows where they come from.
func listener(f Facts, opt Options, manager *hcmv3.HttpConnectionManager) (*listenerv3.Listener, error) {
	a, err := address(opt.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address: %w", err)
	}
	manager.StatPrefix = "ingress"
	manager.HttpFilters = append(manager.HttpFilters, &hcmv3.HttpFilter{
		Name:       "envoy.filters.http.router",
		ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(plainRouter())},
	})
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
	return l, nil
}

// inline returns a manager that has the routes and the filter of f.
func inline(f Facts, opt Options) *hcmv3.HttpConnectionManager {
	return &hcmv3.HttpConnectionManager{
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: table(f, opt)},
		HttpFilters: []*hcmv3.HttpFilter{{
			Name: filterName, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(filter(f))},
		}},
	}
}

// tableName is the name of the route table.
const tableName = "sealmesh"

// table returns the route table of f.
func table(f Facts, opt Options) *routev3.RouteConfiguration {
	t := &routev3.RouteConfiguration{
		Name:         tableName,
		VirtualHosts: []*routev3.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: routes(f, opt), RequestHeadersToRemove: ours}},
	}
	apply(TableSettings, t, f)
	return t
}
