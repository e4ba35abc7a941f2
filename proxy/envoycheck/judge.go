package envoycheck

import (
	"maps"
	"slices"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
)

// judge checks all parts that were found.
func (c *check) judge() {
	servers, raw := c.join()
	c.several = len(servers) > 1
	reached := new(upstreams)
	asked := false
	for _, s := range servers {
		if len(s.asks) > 0 {
			asked = true
			c.asking(s, reached)
		}
	}
	for _, s := range servers {
		if len(s.asks) == 0 {
			c.silent(s, asked, reached)
		}
	}
	for _, r := range raw {
		c.raw(r, reached)
	}
	if len(servers) == 0 {
		c.parts(len(raw) > 0)
	}
	for _, name := range slices.Sorted(maps.Keys(c.config.filters)) {
		for _, m := range c.config.filters[name] {
			c.alone(&processor{name: name, config: m})
		}
	}
	if asked {
		c.lost(servers)
	}
}

// asking checks a connection manager that has ext_proc.
func (c *check) asking(s *server, reached *upstreams) {
	facts := bootstrap.Facts{Policy: c.policy}
	for _, t := range s.tables {
		c.table(s, t, reached, &facts)
	}
	for _, p := range s.asks {
		c.filter(p, facts)
	}
	settings(c, s.where, bootstrap.ManagerSettings, s.manager, facts)
	for _, t := range s.tables {
		settings(c, s.where, bootstrap.TableSettings, s.removed(t), facts)
	}
	if s.listener != nil {
		settings(c, s.listener.GetName(), bootstrap.ListenerSettings, s.listener, facts)
	}
}

// note notes the mode in which a body travels.
func note(f *bootstrap.Facts, d bootstrap.Direction) {
	m := d.Mode.GetRequestBodyMode()
	if d.Response {
		m = d.Mode.GetResponseBodyMode()
	}
	switch m {
	case procv3.ProcessingMode_FULL_DUPLEX_STREAMED:
		f.Duplex = true
	case procv3.ProcessingMode_BUFFERED, procv3.ProcessingMode_STREAMED:
		f.Buffered = true
	}
}

// filter checks an ext_proc filter and its cluster.
func (c *check) filter(p *processor, facts bootstrap.Facts) {
	settings(c, p.name, bootstrap.FilterSettings, p.config, facts)
	c.processorCluster(p, facts)
}

// silent checks a connection manager without ext_proc. It does not matter if
// another connection manager has the filter and this one leads elsewhere.
func (c *check) silent(s *server, asked bool, reached *upstreams) {
	switch {
	case s.unseen:
		c.report(Unseen, s.where, "no ext_proc filter is here, unless it comes by config_discovery: give the whole config_dump, and let what is discovered have no default_config")
	case !asked:
		c.report(InClear, s.where, "no ext_proc filter: no value is sealed or opened here")
	default:
		for _, t := range s.tables {
			for _, v := range t.GetVirtualHosts() {
				for _, r := range v.GetRoutes() {
					if name := reached.shared(c, s.listener.GetName(), r.GetRoute()); name != "" {
						c.report(InClear, s.where, "no ext_proc filter, but its routes lead to cluster %s, which protected routes also use", name)
					}
				}
			}
		}
	}
}

// parts checks a file without connection managers.
func (c *check) parts(listeners bool) {
	for _, name := range slices.Sorted(maps.Keys(c.config.tables)) {
		for _, t := range c.config.tables[name] {
			names := filterNames(t)
			s := &server{}
			for _, n := range names {
				s.asks = append(s.asks, &processor{name: n})
			}
			if len(names) == 0 {
				s.asks = []*processor{{name: "envoy.filters.http.ext_proc"}}
			}
			c.table(s, t, new(upstreams), &bootstrap.Facts{Policy: c.policy})
			c.report(Unseen, t.GetName(), "the listener with its ext_proc filter is not in this file and was not checked: give the whole config_dump")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.config.extensions)) {
		m := new(procv3.ExternalProcessor)
		if unpack(c.config.extensions[name].GetTypedConfig(), m) {
			c.alone(&processor{name: name, config: m})
		}
	}
	if listeners {
		c.report(InClear, "listeners", "no HTTP connection manager, so no ext_proc filter: no value is sealed or opened here")
	}
}

// alone checks a filter without a connection manager, as in a patch. Its modes
// hold for every route.
func (c *check) alone(p *processor) {
	facts := bootstrap.Facts{Policy: c.policy}
	for _, r := range c.policy.Routes {
		for _, d := range directions(r, effective{processor: p, mode: p.config.GetProcessingMode()}, false) {
			note(&facts, d)
		}
	}
	for _, r := range c.policy.Routes {
		for _, d := range directions(r, effective{processor: p, mode: p.config.GetProcessingMode()}, false) {
			settings(c, p.name, bootstrap.ModeSettings, d, facts)
		}
		c.found[r] = true
	}
	c.filter(p, facts)
}

// lost reports routes of the policy to which no route of Envoy leads.
func (c *check) lost(servers []*server) {
	if slices.ContainsFunc(servers, func(s *server) bool { return s.unseen }) {
		return
	}
	for _, r := range c.policy.Routes {
		if !bootstrap.Off(r) && !c.found[r] {
			c.report(Breaks, "route "+r.Name+" of the policy", "no route of Envoy takes its requests")
		}
	}
}

// prefix names s if there are several connection managers.
func (c *check) prefix(s *server) string {
	if c.several && s.where != "" {
		return s.where + ": "
	}
	return ""
}

// early returns the headers that m removes from requests before it chooses
// their route.
func early(m *hcmv3.HttpConnectionManager) (names []string) {
	for _, x := range m.GetEarlyHeaderMutationExtensions() {
		mutation := new(earlyv3.HeaderMutation)
		if !unpack(x.GetTypedConfig(), mutation) {
			continue
		}
		for _, one := range mutation.GetMutations() {
			if r, ok := one.GetAction().(*mutationv3.HeaderMutation_Remove); ok {
				names = append(names, r.Remove)
			}
		}
	}
	return names
}
