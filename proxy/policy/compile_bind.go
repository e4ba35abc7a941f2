package policy

import (
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
)

// contextFrom compiles the pairs of a tag that take their values from paths.
func (c *compiler) contextFrom(t tagConfig) []Bound {
	if len(t.ContextFrom) == 0 {
		return nil
	}
	var from []Bound
	for _, e := range t.ContextFrom {
		param, ok := paramOf(e.Value)
		if e.Value.present() && !ok {
			c.problem(e.Value.place, "write path.NAME, where {NAME} stands in the paths of the routes", "%q takes its value from nowhere", e.Name)
		}
		if i := t.Context.index(e.Name); i >= 0 {
			c.problem(e.At, "", "%q is in context, line %d, and in context_from", e.Name, t.Context[i].At.line)
		}
		from = append(from, Bound{e.Name, param})
	}
	if len(t.Context)+len(from) > hsm.MaxContextPairs {
		c.problem(t.ContextFrom[0].At, "", "an encryption context has at most %d pairs", hsm.MaxContextPairs)
	}
	if s := t.Suite; isDeterministic(s) {
		c.warn(s.place, "", "with context_from, equal values of different records do not look equal")
	}
	slices.SortFunc(from, func(a, b Bound) int { return strings.Compare(a.Pair, b.Pair) })
	return from
}

// paramOf reads path.NAME.
func paramOf(t text) (name string, ok bool) {
	name, ok = strings.CutPrefix(t.Value, "path.")
	return name, ok && name != "" && isVariable("{"+name+"}")
}

// bound checks that the path of route gives every parameter that the tags of d are bound
// to. A list, or a request to a collection, has none, and would seal what no record opens.
func (c *compiler) bound(route *Route, d *directionConfig) {
	if d == nil {
		return
	}
	for _, e := range append(d.Seal[:len(d.Seal):len(d.Seal)], d.Open...) {
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

// boundElsewhere notes a tag that is bound to a parameter which follows another name in the
// path of another route: customer 7 and order 7 are one record to it.
func (c *compiler) boundElsewhere(routes []*Route) {
	for _, t := range c.conf.Tags {
		for _, from := range t.Value.ContextFrom {
			param, _ := paramOf(from.Value)
			var first *Route
			for i, r := range routes {
				at, used := c.conf.Routes[i].use(t.Name)
				switch {
				case !used:
				case first == nil:
					first = r
				case !strings.EqualFold(first.template.before(param), r.template.before(param)):
					c.note(at, "write a tag for each, unless both paths name the same record",
						"tag %q is bound to {%s} of %s and of %s: an envelope of one opens at the other where the two are alike", t.Name, param, first.Path, r.Path)
				}
			}
		}
	}
}

// use returns where r first uses a tag.
func (r *routeConfig) use(tag string) (place, bool) {
	for _, d := range []*directionConfig{r.Request, r.Response} {
		if d == nil {
			continue
		}
		for _, e := range slices.Concat(d.Seal, d.Open) {
			if e.Value.Value == tag {
				return e.Value.place, true
			}
		}
	}
	return place{}, false
}

// before returns the literal that the parameter follows, "" for none.
func (t *template) before(param string) string {
	i := slices.IndexFunc(t.steps, func(s step) bool { return s.name == param })
	if i < 1 {
		return ""
	}
	return t.steps[i-1].literal
}
