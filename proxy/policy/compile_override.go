package policy

import "slices"

// elsewhere is where servers read what tells requests apart.
var elsewhere = map[string]string{"method": "_method of a form, of JSON or of a query, or a header", "host": "a header"}

// passable warns of a skip behind rules that it takes requests from by method or host
// alone: what tells them apart, a server may read elsewhere than sealmesh does.
func (c *compiler) passable(r routeConfig, skip *Route, earlier []*Route, lines []int) {
	if !skip.Skip || r.Match == nil || !r.Match.Path.present() {
		return
	}
	for i, e := range earlier {
		plain := e.template
		plain.fold = false
		if by := e.tells(skip); by != "" && !e.Skip && skip.template.covers(&plain) {
			c.warn(r.At, "leave "+by+"s out of the rules, or narrow the skip",
				"route %q skips requests that only their %s keeps from the rules of route %q, line %d: a server that takes the %[2]s from elsewhere (%[5]s) is past them",
				skip.Name, by, e.Name, lines[i], elsewhere[by])
		}
	}
}

// passesUnmatched warns of the same where everything that no route takes may pass.
func (c *compiler) passesUnmatched(p *Policy) {
	everything := &Route{Skip: true}
	for _, r := range p.Routes {
		if by := r.tells(everything); by != "" && !r.Skip && p.Unmatched == PassUnmatched {
			c.warn(c.conf.Unmatched.place, "leave "+by+"s out of the rules, or write unmatched: refuse",
				"unmatched: pass lets requests through that only their %s keeps from the rules of route %q: a server that takes the %[1]s from elsewhere (%[3]s) is past them", by, r.Name, elsewhere[by])
		}
	}
}

// tells names what tells a request of other from one of r on the same path: "method",
// "host", or "" for nothing.
func (r *Route) tells(other *Route) string {
	foreign := func(m string) bool { return !slices.Contains(r.Methods, m) }
	if len(r.Methods) > 0 && (len(other.Methods) == 0 || slices.ContainsFunc(other.Methods, foreign)) {
		return "method"
	}
	another := func(h string) bool { return !matchesHost(r.Hosts, h) }
	if len(r.Hosts) > 0 && (len(other.Hosts) == 0 || slices.ContainsFunc(other.Hosts, another)) {
		return "host"
	}
	return ""
}
