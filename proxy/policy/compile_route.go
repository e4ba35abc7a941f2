package policy

import (
	"errors"
	"mime"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
)

func (c *compiler) routes() []*Route {
	var routes []*Route
	lines := map[string]int{}
	for _, r := range c.conf.Routes {
		if first, dup := lines[r.Name.Value]; dup && r.Name.present() {
			c.problem(r.Name.place, "", "route name %q is used twice, first in line %d", r.Name.Shown, first)
		}
		lines[r.Name.Value] = r.Name.line
		route := c.route(r)
		for i, earlier := range routes {
			if earlier.covers(route) {
				c.warn(r.At, "move it up, or narrow the other", "route %q is never reached: %q in line %d takes all its requests",
					route.Name, earlier.Name, c.conf.Routes[i].At.line)
				break
			}
		}
		routes = append(routes, route)
	}
	if c.conf.Routes != nil && len(c.conf.Routes) == 0 {
		c.problem(place{1, 1}, "", "a policy has at least one route")
	}
	return routes
}

func (c *compiler) route(r routeConfig) *Route {
	route := &Route{Name: r.Name.Value, Skip: r.Skip.Value}
	if r.Name.present() && r.Name.Value == "" {
		c.problem(r.Name.place, "", "a route needs a name")
	}
	if r.Match != nil {
		c.match(route, r.Match)
	}
	switch has := r.Request != nil || r.Response != nil; {
	case has && route.Skip:
		c.problem(r.Skip.place, "remove skip, or the rules", "route %q has rules and skip", r.Name.Shown)
	case !has && !route.Skip:
		c.problem(r.At, "write skip: true to let its bodies pass unread", "route %q has no rules", r.Name.Shown)
	}
	route.Request = c.plan(r.Request)
	route.Response = c.plan(r.Response)
	return route
}

func (c *compiler) plan(d *directionConfig) *Plan {
	if d == nil {
		return nil
	}
	p := &Plan{Limits: c.limits, PassTypes: c.passTypes(d.Pass)}
	if d.Body.Value == "streamed" {
		p.Mode = Streamed
	}
	var at []named[text]
	add := func(t table[text], open bool) {
		for _, e := range t {
			p.Rules = append(p.Rules, c.rule(e, open))
			at = append(at, e)
		}
	}
	add(d.Seal, false)
	add(d.Open, true)
	if len(at) == 0 {
		c.problem(d.At, "", "no values to seal or open")
	}
	c.migration(d, p)
	p.Selector = c.selector(p.Rules, at)
	return p
}

func (c *compiler) rule(e named[text], open bool) Rule {
	tag := c.conf.Tags.index(e.Value.Value)
	if tag >= 0 {
		c.tagUsed[tag] = true
	} else if e.Value.present() {
		c.problem(e.Value.place, didYouMean(e.Value.Value, c.conf.Tags.names()), "unknown tag %q", e.Value.Shown)
	}
	return Rule{Path: e.Name, Tag: tag, Open: open}
}

func (c *compiler) migration(d *directionConfig, p *Plan) {
	if d.Migration == nil {
		return
	}
	until := d.Migration.AcceptPlaintextUntil
	if len(d.Open) == 0 {
		c.problem(until.place, "", "migration concerns values to open, and there are none")
		return
	}
	if until.present() {
		c.checkDates(until)
	}
	for i := range p.Rules {
		if p.Rules[i].Open {
			p.Rules[i].PlaintextUntil = until.Value
		}
	}
}

// selector compiles the paths. It drops a path that does not compile and tries
// again, so that every bad path is reported.
func (c *compiler) selector(rules []Rule, at []named[text]) *codec.Selector {
	in := make([]codec.Rule, len(rules))
	for i, r := range rules {
		in[i] = codec.Rule{Path: r.Path, Unescape: r.Open || c.deterministic(r.Tag)}
	}
	for {
		s, err := codec.NewSelector(in)
		if err == nil {
			return s
		}
		bad, ok := errors.AsType[*codec.PathError](err)
		i := -1
		if ok {
			i = lastPath(in, bad.Path)
		}
		if i < 0 {
			c.problem(at[0].At, "", "%v", err)
			return nil
		}
		c.problem(c.inside(at[i].At, at[i].Name, bad.Offset), "", "path %q: %s", bad.Path, bad.Detail)
		in, at = slices.Delete(in, i, i+1), slices.Delete(at, i, i+1)
	}
}

func lastPath(rules []codec.Rule, path string) int {
	for i, r := range slices.Backward(rules) {
		if r.Path == path {
			return i
		}
	}
	return -1
}

func (c *compiler) deterministic(tag int) bool {
	if tag < 0 {
		return false
	}
	s := suite.ByName(c.conf.Tags[tag].Value.Suite.Value)
	return s != nil && s.Deterministic
}

func (c *compiler) passTypes(ts texts) []string {
	var types []string
	for _, t := range ts {
		v := strings.ToLower(t.Value)
		base, params, err := mime.ParseMediaType(v)
		main, sub, _ := strings.Cut(base, "/")
		if err != nil || len(params) > 0 || sub == "" || main == "*" || strings.Contains(strings.TrimSuffix(sub, "*"), "*") || len(sub) > 1 && strings.HasSuffix(sub, "*") {
			c.problem(t.place, "write type/subtype or type/*", "not a media type without parameters")
			continue
		}
		types = append(types, base)
	}
	return types
}
