package envoycheck

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// A server is one HTTP connection manager with all that belongs to it.
type server struct {
	where    string
	listener *listenerv3.Listener // nil: the file has none
	manager  *hcmv3.HttpConnectionManager
	asks     []*processor
	tables   []*routev3.RouteConfiguration
	unseen   bool // a filter or a route table is not in the file
}

// A processor is an ext_proc filter of a connection manager.
type processor struct {
	name   string
	config *procv3.ExternalProcessor
	off    bool     // disabled unless a route enables it
	before []string // the filters that a request meets first
}

// A rawChain is a filter chain without an HTTP connection manager.
type rawChain struct {
	where    string
	listener string
	port     uint32 // to which clients connect; 0: any
	filters  []*listenerv3.Filter
}

// join joins the parts of the file to servers. It also returns the chains
// without a connection manager.
func (c *check) join() (servers []*server, raw []rawChain) {
	for _, l := range c.config.listeners {
		chains := slices.Clone(l.GetFilterChains())
		if d := l.GetDefaultFilterChain(); d != nil {
			chains = append(chains, d)
		}
		if api := l.GetApiListener().GetApiListener(); api != nil {
			chains = append(chains, &listenerv3.FilterChain{Filters: []*listenerv3.Filter{{ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: api}}}})
		}
		if l.GetFcdsConfig() != nil {
			c.report(Unseen, l.GetName(), "its filter chains come by xDS and cannot be checked")
		}
		for _, chain := range chains {
			where := l.GetName()
			if chain.GetName() != "" {
				where += " " + chain.GetName()
			}
			s := c.serverOf(l, chain, where)
			if s == nil {
				raw = append(raw, rawChain{where, l.GetName(), chain.GetFilterChainMatch().GetDestinationPort().GetValue(), chain.GetFilters()})
				continue
			}
			servers = append(servers, s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.config.managers)) {
		for _, m := range c.config.managers[name] {
			servers = append(servers, c.server(nil, m, name))
		}
	}
	return servers, raw
}

// serverOf returns the connection manager of a chain, nil for none.
func (c *check) serverOf(l *listenerv3.Listener, chain *listenerv3.FilterChain, where string) *server {
	for _, f := range chain.GetFilters() {
		m := new(hcmv3.HttpConnectionManager)
		if unpack(c.typed(f.GetTypedConfig(), f.GetConfigDiscovery() != nil, f.GetName()), m) {
			return c.server(l, m, cmp.Or(where, f.GetName()))
		}
		if f.GetConfigDiscovery() != nil && c.config.extensions[f.GetName()] == nil {
			c.report(Unseen, where, "%s comes by xDS and is not in this file: give the whole config_dump", f.GetName())
		}
	}
	return nil
}

// typed returns the configuration of a filter: its own, or the one that was
// discovered under its name.
func (c *check) typed(own *anypb.Any, discovered bool, name string) *anypb.Any {
	if discovered {
		return c.config.extensions[name].GetTypedConfig()
	}
	return own
}

// unpack decodes a into m if a has the type of m.
func unpack(a *anypb.Any, m proto.Message) bool {
	return a != nil && a.MessageIs(m) && a.UnmarshalTo(m) == nil
}

func (c *check) server(l *listenerv3.Listener, m *hcmv3.HttpConnectionManager, where string) *server {
	s := &server{where: where, listener: l, manager: m}
	s.asks = c.processors(m.GetHttpFilters(), s)
	for _, u := range m.GetUpgradeConfigs() {
		if len(u.GetFilters()) > 0 && len(s.asks) > 0 && len(c.processors(u.GetFilters(), s)) == 0 {
			c.report(InClear, where, "upgrade_configs gives %s filters of its own, and ext_proc is not one of them: a request that asks for the upgrade passes unread; leave the filters out", u.GetUpgradeType())
		}
	}
	switch r := m.GetRouteSpecifier().(type) {
	case *hcmv3.HttpConnectionManager_RouteConfig:
		s.tables = []*routev3.RouteConfiguration{r.RouteConfig}
	case *hcmv3.HttpConnectionManager_Rds:
		c.find(s, r.Rds.GetRouteConfigName())
	case *hcmv3.HttpConnectionManager_ScopedRoutes:
		c.scoped(s, r.ScopedRoutes)
	}
	return s
}

// processors returns the ext_proc filters of a chain, by their type: their
// names may be anything.
func (c *check) processors(filters []*hcmv3.HttpFilter, s *server) (asks []*processor) {
	var before []string
	for _, f := range filters {
		discovered := f.GetConfigDiscovery() != nil
		config := c.typed(f.GetTypedConfig(), discovered, f.GetName())
		if discovered {
			if def := f.GetConfigDiscovery().GetDefaultConfig(); def != nil && config == nil {
				config = def
			}
			if config == nil {
				s.unseen = true
			}
		}
		m := new(procv3.ExternalProcessor)
		if unpack(config, m) {
			asks = append(asks, &processor{f.GetName(), m, f.GetDisabled(), slices.Clone(before)})
		}
		before = append(before, f.GetName())
	}
	return asks
}

// find gives s the route tables of that name.
func (c *check) find(s *server, name string) {
	tables := c.config.tables[name]
	if len(tables) == 0 {
		s.unseen = true
		c.report(Unseen, s.where, "its routes come by xDS (route_config_name %q) and are not in this file: give the whole config_dump", name)
	}
	s.tables = append(s.tables, tables...)
}

func (c *check) scoped(s *server, r *hcmv3.ScopedRoutes) {
	scopes := r.GetScopedRouteConfigurationsList().GetScopedRouteConfigurations()
	if scopes == nil {
		for _, name := range slices.Sorted(maps.Keys(c.config.scopes)) {
			scopes = append(scopes, c.config.scopes[name])
		}
	}
	if len(scopes) == 0 {
		s.unseen = true
		c.report(Unseen, s.where, "its routes come by xDS (scoped_routes %s) and are not in this file: give the whole config_dump", r.GetName())
	}
	for _, scope := range scopes {
		if inline := scope.GetRouteConfiguration(); inline != nil {
			s.tables = append(s.tables, inline)
			continue
		}
		c.find(s, scope.GetRouteConfigurationName())
	}
}

// removed returns table with all headers that count as removed by it: those
// that s removes before routing, and those that every virtual host removes.
func (s *server) removed(table *routev3.RouteConfiguration) *routev3.RouteConfiguration {
	all := slices.Clone(table.GetRequestHeadersToRemove())
	all = append(all, early(s.manager)...)
	for i, v := range table.GetVirtualHosts() {
		if i == 0 {
			all = append(all, common(table.GetVirtualHosts(), v.GetRequestHeadersToRemove())...)
		}
	}
	return &routev3.RouteConfiguration{Name: table.GetName(), RequestHeadersToRemove: all}
}

// common returns the names that every virtual host removes, added to names.
func common(hosts []*routev3.VirtualHost, names []string) (all []string) {
	for _, name := range names {
		keeps := func(v *routev3.VirtualHost) bool {
			return !slices.ContainsFunc(v.GetRequestHeadersToRemove(), func(h string) bool { return strings.EqualFold(h, name) })
		}
		if !slices.ContainsFunc(hosts, keeps) {
			all = append(all, name)
		}
	}
	return all
}
