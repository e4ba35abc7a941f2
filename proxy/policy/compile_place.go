package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/form"
	"github.com/sealmesh/sealmesh/proxy/places"
)

// A rule is one rule of a direction as the file has it.
type rule struct {
	named[text]
	in   places.Kind
	open bool
}

// String names r in messages.
func (r rule) String() string {
	if r.in == places.Body {
		return fmt.Sprintf("path %q", r.Name)
	}
	return fmt.Sprintf("%q in %s", r.Name, r.in)
}

// in returns the rules of d for a place beside the body, nil for none.
func (d *directionConfig) in(k places.Kind) *placeConfig {
	return [places.Kinds]*placeConfig{places.Path: d.Path, places.Query: d.Query, places.Header: d.Headers, places.Cookie: d.Cookies}[k]
}

// rules returns the rules of d, which may be nil: those of the body, then those
// of other places.
func (d *directionConfig) rules() (all []rule) {
	if d == nil {
		return nil
	}
	for k := range places.Kinds {
		seal, open := d.Seal, d.Open
		if k != places.Body {
			p := d.in(k)
			if p == nil {
				continue
			}
			seal, open = p.Seal, p.Open
		}
		for _, e := range seal {
			all = append(all, rule{e, k, false})
		}
		for _, e := range open {
			all = append(all, rule{e, k, true})
		}
	}
	return all
}

// places adds the rules for places beside the body.
func (c *planCompiler) places() {
	for k := places.Body + 1; k < places.Kinds; k++ {
		switch p := c.direction.in(k); {
		case p == nil || !p.At.present():
		case !c.request && (k == places.Path || k == places.Query):
			c.problem(p.At, "", "%s concerns requests", k)
		case len(p.Seal)+len(p.Open) == 0:
			c.problem(p.At, "", "no values to seal or open in %s", k)
		}
	}
	type value struct {
		in   places.Kind
		name string
	}
	first := map[value]place{}
	for _, r := range c.direction.rules() {
		if r.in == places.Body {
			continue
		}
		compiled := c.rule(r)
		if compiled.Lookup = c.deterministic(compiled.Tag); r.in == places.Header {
			compiled.Path = places.Plain(r.Name)
		}
		c.nameable(r, compiled.Path)
		v := value{r.in, compiled.Path}
		if at, twice := first[v]; twice {
			c.problem(r.At, "a value is sealed or opened, once", "%s is in line %d too", r, at.line)
			continue
		}
		first[v] = r.At
		c.plan.Rules = append(c.plan.Rules, compiled)
	}
}

// nameable reports a name that no value in the place of r can have. name is
// that of r as the plan has it.
func (c *planCompiler) nameable(r rule, name string) {
	switch r.in {
	case places.Header:
		if why := places.Reserved(name); why != "" {
			c.problem(r.At, "", "header %q cannot hold a tagged value: %s", r.Name, why)
		}
	case places.Cookie:
		if !places.IsToken(name) || name[0] == '$' {
			c.problem(r.At, "", "no cookie has the name %q", r.Name)
		}
	}
}

// query compiles the rules of the query as those of a form: applications read
// its names in the same dialects, which options of the form name.
func (c *planCompiler) query(options map[string]codec.Options) {
	p := c.plan
	q := &Plan{Limits: p.Limits, Envelopes: p.Envelopes, Null: p.Null}
	var at []named[text]
	for _, r := range c.direction.rules() {
		if i := slices.IndexFunc(p.Rules, func(o Rule) bool { return o.In == places.Query && o.In == r.in && o.Path == r.Name && o.Open == r.open }); i >= 0 {
			rule := p.Rules[i]
			rule.Path = queryPath(r.Name)
			q.Rules, at = append(q.Rules, rule), append(at, r.named)
		}
	}
	if len(at) == 0 {
		return
	}
	sel := c.selector(q.Rules, at)
	if sel == nil {
		return
	}
	q.Selector = sel.Guarded(codec.Guard{Envelope: p.guard().Envelope})
	checked, err := form.Query.Check(q.Selector, options[form.Format.Name])
	if err != nil {
		c.problem(c.direction.Query.At, "", "%v", err)
	}
	q.Checked = map[*codec.Format]any{&form.Query: checked}
	p.Query = q
}

// queryPath returns the path of the parameter with that name. A name that
// begins as a path is one.
func queryPath(name string) string {
	if strings.HasPrefix(name, "$.") || strings.HasPrefix(name, "$[") {
		return name
	}
	return "$" + codec.QuoteName(name)
}

// paths checks that the path of route has each segment that d tags, once, and
// that no tag of the route is bound to it: what is sealed names no record.
func (c *routeCompiler) paths(route *Route, r *routeConfig) {
	if r.Request == nil {
		return
	}
	for _, e := range r.Request.rules() {
		if e.in != places.Path {
			continue
		}
		if n := route.template.named(e.Name); n != 1 {
			c.problem(e.At, "write {"+e.Name+"} into the path, once", "%s is a segment of the path, which stands %d times in that of route %q", e, n, route.Name)
		}
		for _, t := range c.conf.Tags {
			for _, from := range t.Value.ContextFrom {
				param, _ := paramOf(from.Value)
				if _, uses := r.use(t.Name); uses && param == e.Name {
					c.problem(e.At, "bind the tag to another parameter", "%s is sealed or opened, and tag %q is bound to it", e, t.Name)
				}
			}
		}
	}
}

// lookups notes values that a service looks up, and that look different
// whenever they are sealed.
func (c adviser) lookups(r *routeConfig) {
	for _, e := range r.Request.rules() {
		tag := c.conf.Tags.index(e.Value.Value)
		if e.open || tag < 0 || e.in != places.Path && e.in != places.Query || isDeterministic(c.conf.Tags[tag].Value.Suite) {
			continue
		}
		c.note(e.At, "give its tag suite: deterministic", "%s is another envelope in each request: a service that looks it up finds nothing without the deterministic suite", e)
	}
}
