package policy

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
)

func (c *compiler) routes() []*Route {
	var routes []*Route
	var lines []int
	for _, r := range c.conf.Routes {
		if !r.At.present() {
			continue
		}
		route := c.route(r)
		for i, earlier := range routes {
			if r.Name.present() && route.Name == earlier.Name {
				c.problem(r.Name.place, "", "route name %q is used twice, first in line %d", r.Name.Shown, lines[i])
			}
		}
		c.shadowed(r, route, routes, lines)
		c.passable(r, route, routes, lines)
		routes, lines = append(routes, route), append(lines, r.At.line)
	}
	return routes
}

// shadowed reports a route that no request reaches. It is only a warning unless
// rules are lost to a skip: then bodies would go in clear that the file protects.
func (c *compiler) shadowed(r routeConfig, route *Route, earlier []*Route, lines []int) {
	plain := *route // as the file spells it: whoever takes that leaves nothing worth having
	plain.template.fold = false
	i := slices.IndexFunc(earlier, func(e *Route) bool { return e.covers(&plain) })
	if i < 0 || r.Match == nil || !r.Match.Path.present() {
		return
	}
	report := c.warn
	if earlier[i].Skip && !route.Skip {
		report = c.problem
	}
	report(r.At, "move it up, or narrow the other", "route %q is never reached: %q in line %d takes all its requests",
		route.Name, earlier[i].Name, lines[i])
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
		c.problem(r.Skip.place, "remove skip, or the rules", "the route has rules and skip")
	case !has && !route.Skip && !r.Skip.malformed:
		c.problem(r.At, "write skip: true to let its bodies pass unread", "the route has no rules")
	}
	if r.Skip.Value && r.Envelopes.present() {
		c.problem(r.Envelopes.place, "", "envelopes on a route with skip: its bodies pass unread")
	}
	route.Request = c.plan(r.Request, &r, true)
	route.Response = c.plan(r.Response, &r, false)
	c.bound(route, r.Request)
	c.bound(route, r.Response)
	return route
}

// plan compiles one direction of r.
func (c *compiler) plan(d *directionConfig, r *routeConfig, request bool) *Plan {
	reads := request && r.reads()
	if d == nil && reads {
		d = &directionConfig{}
	}
	if d == nil || request && d.unread(r) {
		return nil
	}
	p := &Plan{Limits: c.limits, PassTypes: c.passTypes(d.Pass), Envelopes: envelopesOf(d, r.Envelopes)}
	if d.Body.Value == "streamed" {
		p.Mode = Streamed
	}
	at := c.rules(p, d)
	if len(at) == 0 && !reads {
		c.problem(d.At, "", "no values to seal or open")
	}
	if slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Open }) {
		p.OpenedBytes, p.Limits.BodyBytes = p.Limits.BodyBytes, 0
	}
	c.migration(d, p)
	c.guards(p, d, request)
	if s := c.selector(p, at, d.IgnoreCase.Value); s != nil {
		p.Selector = s.Guarded(p.guard())
		check(c, p, d)
	}
	return p
}

// check has every format compile what it needs of the plan, since a route is read
// in each format that its bodies come in.
func check(c *compiler, p *Plan, d *directionConfig) {
	p.Checked = make(map[*codec.Format]any)
	for _, f := range formats.Table() {
		checked, err := f.Check(p.Selector, codec.Options{})
		if err != nil {
			c.problem(d.At, "", "bodies of format %s cannot have these rules: %v", f.Name, err)
			continue
		}
		p.Checked[f] = checked
	}
}

// rules adds the rules of both operations, and returns where each one's path stands.
func (c *compiler) rules(p *Plan, d *directionConfig) []named[text] {
	var at []named[text]
	for _, e := range d.Seal {
		p.Rules = append(p.Rules, c.rule(e, false))
		at = append(at, e)
	}
	for _, e := range d.Open {
		if i := d.Seal.index(e.Name); i >= 0 {
			c.problem(e.At, "a value is sealed or opened, not both", "path %q is in seal, line %d, and in open", e.Name, d.Seal[i].At.line)
			continue
		}
		p.Rules = append(p.Rules, c.rule(e, true))
		at = append(at, e)
	}
	c.nested(at)
	return at
}

// nested warns of a path below another of the same direction, where the two
// are spelled alike: the outer value is taken whole, so the inner rule never applies.
func (c *compiler) nested(at []named[text]) {
	for _, inner := range at {
		for _, outer := range at {
			rest, ok := strings.CutPrefix(inner.Name, outer.Name)
			if ok && rest != "" && (rest[0] == '.' || rest[0] == '[') {
				c.warn(inner.At, "", "path %q never applies: %q in line %d takes the value that it is in", inner.Name, outer.Name, outer.At.line)
			}
		}
	}
}

func (c *compiler) rule(e named[text], open bool) Rule {
	tag := c.conf.Tags.index(e.Value.Value)
	if tag >= 0 {
		c.tagUsed[tag] = true
		c.mayUse(e, c.conf.Tags[tag].Value.Key, open)
	} else if e.Value.present() {
		c.problem(e.Value.place, didYouMean(e.Value.Value, c.conf.Tags.names()), "unknown tag %q", e.Value.Shown)
	}
	return Rule{Path: e.Name, Tag: tag, Open: open}
}

// mayUse checks that the key of a rule's tag is there for what the rule does.
func (c *compiler) mayUse(e named[text], key text, open bool) {
	i := c.conf.Keys.index(key.Value)
	if i < 0 {
		return
	}
	switch use := useOf(c.conf.Keys[i].Value.Use); {
	case open && use == hsm.SealOnly:
		c.problem(e.At, "", "path %q is to be opened, but the use of key %q is seal", e.Name, key.Shown)
	case !open && use == hsm.OpenOnly:
		c.problem(e.At, "", "path %q is to be sealed, but the use of key %q is open", e.Name, key.Shown)
	}
}

func (c *compiler) migration(d *directionConfig, p *Plan) {
	if d.Migration == nil {
		return
	}
	until := d.Migration.AcceptPlaintextUntil
	if len(d.Open) == 0 {
		c.problem(d.Migration.At, "", "migration concerns values to open, and there are none")
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
func (c *compiler) selector(p *Plan, at []named[text], fold bool) *codec.Selector {
	compile := codec.NewSelector
	if fold {
		compile = codec.NewFoldingSelector
	}
	in := make([]codec.Rule, len(p.Rules))
	for i, r := range p.Rules {
		in[i] = codec.Rule{Path: r.Path, Unescape: !r.Open && c.deterministic(r.Tag), Open: r.Open, Envelopes: p.Envelopes == KeepEnvelopes}
		if r.Open {
			in[i].Longest = longestSealed(c.limits.ValueBytes)
		}
	}
	for {
		s, err := compile(in)
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

// longestSealed returns how long a value of n bytes may be once it is sealed and in
// quotes: what may be sealed must open again.
func longestSealed(n int) int {
	const quotes = 2 // of a JSON string
	return envelope.EncodedLen(envelope.MaxInline, cmp.Or(n, codec.DefaultValueBytes)+suite.MaxOverhead) + quotes
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
	return isDeterministic(c.conf.Tags[tag].Value.Suite)
}

func isDeterministic(t text) bool {
	s := suite.ByName(t.Value)
	return s != nil && s.Deterministic
}
