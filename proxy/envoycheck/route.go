package envoycheck

import (
	"fmt"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A visit is one request on one route of Envoy.
type visit struct {
	where  string
	sample sample
	action *routev3.RouteAction
	on     []effective // the ext_proc filters that run
	off    []effective
	retry  bool
}

// table plays every request on one route table of s.
func (c *check) table(s *server, table *routev3.RouteConfiguration, reached *upstreams, facts *bootstrap.Facts) {
	c.unread(s.where, table)
	play := &player{c.regexes, table, map[pathOf][]*routev3.Route{}}
	for _, sample := range c.requests(table) {
		for _, t := range play.take(sample) {
			action := t.route.GetRoute()
			if sample.protected() {
				c.found[sample.route] = true
			}
			if action == nil { // a redirect or a direct response reaches no upstream
				continue
			}
			for _, w := range weights(action) {
				v := visit{where: fmt.Sprintf("%s%s (%s)", c.prefix(s), t.name(), sample), sample: sample, action: action, retry: retries(t)}
				for _, p := range s.asks {
					if e := p.resolve(levels(table, t, w)); e.off {
						v.off = append(v.off, e)
					} else {
						v.on = append(v.on, e)
					}
				}
				if sample.protected() {
					reached.add(c, s.listener.GetName(), action, w)
				}
				c.visit(v, facts)
			}
		}
	}
}

func (s sample) protected() bool { return s.route != nil && !bootstrap.Off(s.route) }

// weights returns the weighted clusters of a, or one nil if it has none.
func weights(a *routev3.RouteAction) []*routev3.WeightedCluster_ClusterWeight {
	if all := a.GetWeightedClusters().GetClusters(); len(all) > 0 {
		return all
	}
	return []*routev3.WeightedCluster_ClusterWeight{nil}
}

// unread reports what decides about routes and cannot be checked here.
func (c *check) unread(where string, table *routev3.RouteConfiguration) {
	where = strings.TrimSpace(where + " " + table.GetName())
	if table.GetVhds() != nil {
		c.report(Unseen, where, "virtual hosts come by xDS (vhds) and cannot be checked: a host that is not in this file may leave ext_proc out")
	}
	if table.GetVhostHeader() != "" {
		c.report(Unseen, where, "vhost_header lets clients choose the virtual host, which cannot be checked")
	}
	for _, v := range table.GetVirtualHosts() {
		if v.GetMatcher() != nil {
			c.report(Unseen, where, "virtual host %s chooses routes by a matcher tree, which cannot be checked: use routes instead", v.GetName())
		}
		if len(v.GetRouteSpecifiers())+len(table.GetRouteSpecifiers()) > 0 {
			c.report(Unseen, where, "route_specifiers choose routes, which cannot be checked: use routes instead")
		}
	}
}

// visit checks one request.
func (c *check) visit(v visit, facts *bootstrap.Facts) {
	for _, e := range v.off {
		if e.early && len(e.before) > 0 && len(v.on) == 0 {
			c.report(InClear, cutSample(v.where), "FilterConfig leaves ext_proc out before %s runs, which may yet change the path, and with it the route: put ext_proc first, or write ExtProcPerRoute with disabled: true instead",
				strings.Join(e.before, ", "))
		}
	}
	r := v.sample.route
	switch {
	case v.sample.protected():
		c.protected(v, facts)
	case v.sample.ambiguous:
		if len(v.on) == 0 {
			c.report(InClear, v.where, "ext_proc is disabled, and the upstream may read another path, which sealmesh would refuse: match only plain paths, by an expression, or let the filter see the headers")
		}
	case r == nil && c.policy.Unmatched == policy.RefuseUnmatched:
		if len(v.on) == 0 {
			c.report(InClear, v.where, "ext_proc is disabled, and no route of the policy covers this: sealmesh would refuse it; let the filter see its headers")
		}
	default:
		c.rewrites(v)
	}
}

func cutSample(where string) string { return place(where) }

// protected checks a request that has rules.
func (c *check) protected(v visit, facts *bootstrap.Facts) {
	r := v.sample.route
	if len(v.on) == 0 {
		c.report(InClear, v.where, "ext_proc is disabled, and route %q of the policy has rules", r.Name)
		return
	}
	if len(v.on) > 1 {
		c.report(Breaks, v.where, "a second ext_proc filter is on (%s): two that change bodies lose data (envoy#47449)", v.on[1].name)
	}
	e := v.on[0]
	if e.allow {
		c.report(InClear, v.where, "failure_mode_allow lets exchanges pass unread whenever sealmesh is unavailable; set it to false")
	}
	if own := target(e.config.GetGrpcService()); e.other != "" && e.config != nil && e.other != own {
		c.report(InClear, v.where, "grpc_service of the route sends bodies to %s, and not to %s as the filter does", e.other, own)
	}
	if redirects(v.action) {
		c.report(Breaks, v.where, "internal_redirect_policy sends a request through sealmesh again, after it was sealed: leave it out, and let clients follow redirects")
	}
	if !e.knows() {
		return
	}
	for _, d := range directions(r, e, v.retry) {
		note(facts, d)
		settings(c, v.where, bootstrap.ModeSettings, d, *facts)
	}
}

func directions(r *policy.Route, e effective, retry bool) (all []bootstrap.Direction) {
	if r.Request != nil {
		all = append(all, bootstrap.Direction{Plan: r.Request, Mode: e.mode, Filter: e.config, Retry: retry})
	}
	if r.Response != nil {
		all = append(all, bootstrap.Direction{Plan: r.Response, Response: true, Mode: e.mode, Filter: e.config, Retry: retry})
	}
	return all
}

// rewrites checks a request without rules. Envoy must not rewrite it to a
// request with rules.
func (c *check) rewrites(v visit) {
	a := v.action
	switch {
	case a.GetRegexRewrite() != nil:
		c.rewritten(v, "regex_rewrite")
	case a.GetPathRewritePolicy() != nil:
		c.rewritten(v, "path_rewrite_policy")
	case a.GetPathRewrite() != "":
		c.rewritten(v, "path_rewrite")
	case a.GetPrefixRewrite() != "" && c.leads(v.sample, a.GetPrefixRewrite()):
		c.rewritten(v, "prefix_rewrite")
	case a.GetHostRewriteSpecifier() != nil && c.byHost():
		c.rewritten(v, "the host rewrite")
	}
}

func (c *check) rewritten(v visit, by string) {
	c.report(InClear, v.where, "%s may turn a request without rules into one with rules, after sealmesh has seen it: rewrite in a route that the policy names by the new path, or leave it out", by)
}

// leads reports whether the request may match a route with rules when its path
// begins with prefix.
func (c *check) leads(s sample, prefix string) bool {
	for _, r := range c.policy.Routes {
		both := fill(r, prefix)
		if bootstrap.Off(r) || !strings.HasPrefix(strings.ToLower(both), strings.ToLower(strings.TrimSuffix(prefix, "/"))) {
			continue
		}
		for _, method := range append([]string{s.method}, r.Methods...) {
			if m, err := c.policy.Match(method, s.host, both); err == nil && m != nil && !bootstrap.Off(m) {
				return true
			}
		}
	}
	return false
}

func (c *check) byHost() bool {
	for _, r := range c.policy.Routes {
		if !bootstrap.Off(r) && len(r.Hosts) > 0 {
			return true
		}
	}
	return false
}
