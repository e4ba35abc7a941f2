package policy

import (
	"slices"
	"strings"
)

// A routeCompiler compiles routes.
type routeCompiler struct {
	*compiler
	earlier []*Route // compiled so far, in the order of the file
	lines   []int    // where each one of earlier begins
}

func (c *routeCompiler) routes() []*Route {
	for _, r := range c.conf.Routes {
		if !r.At.present() {
			continue
		}
		route := c.route(r)
		for i, earlier := range c.earlier {
			if r.Name.present() && route.Name == earlier.Name {
				c.problem(r.Name.place, "", "route name %q is used twice, first in line %d", r.Name.Shown, c.lines[i])
			}
		}
		c.shadowed(r, route)
		c.passable(r, route)
		c.earlier, c.lines = append(c.earlier, route), append(c.lines, r.At.line)
	}
	return c.earlier
}

// shadowed reports a route that no request reaches. A route with rules behind a
// skip is a problem, since bodies that the file protects would pass in clear;
// any other is a warning.
func (c *routeCompiler) shadowed(r routeConfig, route *Route) {
	// Compare case-sensitively: an earlier route that takes route's own spelling
	// leaves only odd spellings.
	plain := *route
	plain.template.fold = false
	i := slices.IndexFunc(c.earlier, func(e *Route) bool { return e.covers(&plain) })
	if i < 0 || r.Match == nil || !r.Match.Path.present() {
		return
	}
	report := c.warn
	if c.earlier[i].Skip && !route.Skip {
		report = c.problem
	}
	report(r.At, "move it up, or narrow the other", "route %q is never reached: %q in line %d takes all its requests",
		route.Name, c.earlier[i].Name, c.lines[i])
}

func (c *routeCompiler) route(r routeConfig) *Route {
	route := &Route{Name: r.Name.Value, Skip: r.Skip.Value}
	if r.Name.present() && r.Name.Value == "" {
		c.problem(r.Name.place, "", "a route needs a name")
	}
	if r.Match != nil {
		c.match(route, r.Match)
	}
	switch has := r.Request != nil || r.Response != nil; {
	case has && route.Skip:
		c.problem(r.Skip.place, "remove skip, or the rules", "the route has rules and skip")
	case !has && !route.Skip && !r.Skip.malformed:
		c.problem(r.At, "write skip: true to let its bodies pass unread", "the route has no rules")
	}
	if r.Skip.Value && r.Envelopes.present() {
		c.problem(r.Envelopes.place, "", "envelopes on a route with skip: its bodies pass unread")
	}
	route.Request = c.plan(route, r.Request, &r, true)
	route.Response = c.plan(route, r.Response, &r, false)
	c.paths(route, &r)
	c.bound(route, r.Request)
	c.bound(route, r.Response)
	return route
}

// match compiles which requests r takes. By default a route with rules ignores
// the case of its path: a service may treat /Customers as /customers, and then
// no spelling gets around the rules; if the service tells them apart, more is
// sealed than necessary. A route with skip compares case-sensitively by
// default.
func (c *routeCompiler) match(r *Route, m *matchConfig) {
	for _, h := range m.Hosts {
		if detail := checkHost(h.Value); detail != "" {
			c.problem(h.place, "write a host name or *.suffix, without port", "host: %s", detail)
		}
		r.Hosts = append(r.Hosts, strings.ToLower(strings.TrimSuffix(h.Value, ".")))
	}
	for _, t := range m.Methods {
		c.method(r, t)
	}
	r.IgnoreCase = m.IgnoreCase.Value || !m.IgnoreCase.present() && !r.Skip
	t, offset, detail := parseTemplate(m.Path.Value, r.IgnoreCase)
	if m.Path.present() && detail != "" {
		c.problem(c.inside(m.Path.place, m.Path.Value, offset), "", "path %q: %s", m.Path.Shown, detail)
	}
	r.template = t
	r.Path = m.Path.Value
	if len(r.Path) > 1 {
		r.Path = strings.TrimSuffix(r.Path, "/")
	}
}

func (c *routeCompiler) method(r *Route, t text) {
	if t.Value == "" || strings.ContainsFunc(t.Value, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '-' && r != '_' }) {
		c.problem(t.place, "write it in upper case: POST", "%q is no method", t.Shown)
		return
	}
	if t.Value == "CONNECT" && !r.Skip {
		c.problem(t.place, "a route for CONNECT needs skip: true", "rules do not reach what goes through a tunnel")
	}
	r.Methods = append(r.Methods, t.Value)
}

// checkHost returns what is wrong with h, a host of a route, or "".
func checkHost(h string) string {
	name := strings.TrimPrefix(h, "*.")
	_, err := hostname(name)
	_, port := cutPort(name)
	switch {
	case name == "" || name == ".":
		return "empty"
	case strings.Contains(name, "*"):
		return "* is only possible in front, as *.suffix"
	case strings.HasPrefix(port, ":"):
		return "a port, or an IPv6 address without brackets"
	case err != nil:
		return "not a host name"
	}
	return ""
}

// bound checks that the path of route has every parameter that the tags of d
// are bound to. The path of a collection lacks the parameter of its records:
// values sealed there would open in no record.
func (c *routeCompiler) bound(route *Route, d *directionConfig) {
	if d == nil {
		return
	}
	for _, e := range d.rules() {
		tag := c.conf.Tags.index(e.Value.Value)
		if tag < 0 {
			continue
		}
		for _, from := range c.conf.Tags[tag].Value.ContextFrom {
			param, ok := paramOf(from.Value)
			if n := route.template.named(param); ok && n != 1 {
				param := strings.TrimPrefix(from.Value.Shown, "path.")
				c.problem(e.Value.place, "write {"+param+"} into the path, once, or use a tag without context_from",
					"tag %q is bound to {%s} of the path, which stands %d times in that of route %q", e.Value.Shown, param, n, route.Name)
			}
		}
	}
}

// elsewhere says where servers may read a method or a host instead of in the
// pseudo-header.
var elsewhere = map[string]string{"method": "_method of a form, of JSON or of a query, or a header", "host": "a header"}

// passable warns of a skip that only a method or a host separates from the
// rules of an earlier route: a server may read those elsewhere than sealmesh
// does.
func (c *routeCompiler) passable(r routeConfig, skip *Route) {
	if !skip.Skip || r.Match == nil || !r.Match.Path.present() {
		return
	}
	for i, e := range c.earlier {
		plain := e.template
		plain.fold = false
		if by := e.tells(skip); by != "" && !e.Skip && skip.template.covers(&plain) {
			c.warn(r.At, "leave "+by+"s out of the rules, or narrow the skip",
				"route %q skips requests that only their %s keeps from the rules of route %q, line %d: a server that takes the %[2]s from elsewhere (%[5]s) is past them",
				skip.Name, by, e.Name, c.lines[i], elsewhere[by])
		}
	}
}

// passesUnmatched warns of the same if requests that no route takes may pass.
func (c *compiler) passesUnmatched(p *Policy) {
	everything := &Route{Skip: true}
	for _, r := range p.Routes {
		if by := r.tells(everything); by != "" && !r.Skip && p.Unmatched == PassUnmatched {
			c.warn(c.conf.Unmatched.place, "leave "+by+"s out of the rules, or write unmatched: refuse",
				"unmatched: pass lets requests through that only their %s keeps from the rules of route %q: a server that takes the %[1]s from elsewhere (%[3]s) is past them", by, r.Name, elsewhere[by])
		}
	}
}

// tells returns what distinguishes a request that other takes from one that r
// takes on the same path: "method", "host", or "" for nothing.
func (r *Route) tells(other *Route) string {
	switch {
	case !r.coversMethods(other):
		return "method"
	case !r.coversHosts(other):
		return "host"
	}
	return ""
}
