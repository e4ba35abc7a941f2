package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
)

// An adviser notes what a correct policy does that its author may not expect.
type adviser struct {
	*compiler
	routes []*Route // by index in conf.Routes
}

func (c adviser) advise() {
	if len(c.problems) > 0 {
		return
	}
	c.boundElsewhere()
	for i, r := range c.routes {
		conf := &c.conf.Routes[i]
		c.lookups(conf)
		if r.Response != nil && conf.Response != nil {
			c.reach(r, conf.Response)
			c.writers(r, conf)
			c.unread(r.Response, conf.Response)
		}
		if r.Request != nil && conf.Request != nil {
			c.surprises(r.Request, conf.Request)
			c.unread(r.Request, conf.Request)
		}
	}
}

func (c adviser) note(at place, hint, format string, args ...any) {
	c.advice = append(c.advice, c.at(at, hint, format, args...))
}

// reach notes rules that open values in places where no rule to the same
// service seals: an envelope there came from somebody else.
func (c adviser) reach(r *Route, d *directionConfig) {
	sealed := c.sealedFor(r)
	if sealed == nil {
		return
	}
	for _, e := range d.Open {
		if place := codec.Uncovered(e.Name, sealed); place != "" {
			c.note(e.At, "narrow the path, unless the service answers in another shape than it is asked", "path %q opens places that no rule to the same service seals, such as %s", e.Name, place)
		}
	}
}

// sealedFor returns the paths that routes to r's service seal; nil for none.
func (c adviser) sealedFor(r *Route) *codec.Selector {
	var rules []codec.Rule
	fold := true
	for i, other := range c.routes {
		if !sameService(other, r) {
			continue
		}
		for _, d := range []*directionConfig{c.conf.Routes[i].Request, c.conf.Routes[i].Response} {
			if d == nil || len(d.Seal) == 0 {
				continue
			}
			fold = fold && d.IgnoreCase.Value
			for _, e := range d.Seal {
				if !slices.Contains(rules, codec.Rule{Path: e.Name}) {
					rules = append(rules, codec.Rule{Path: e.Name})
				}
			}
		}
	}
	if len(rules) == 0 {
		return nil
	}
	s, _ := selectorOf(rules, fold, func(int, *codec.PathError) {})
	return s
}

// sameService reports whether requests for one host may fall under either
// route.
func sameService(a, b *Route) bool {
	if len(a.Hosts) == 0 || len(b.Hosts) == 0 {
		return true
	}
	return slices.ContainsFunc(a.Hosts, func(h string) bool {
		return slices.ContainsFunc(b.Hosts, func(i string) bool { return hostsMeet(h, i) })
	})
}

func hostsMeet(a, b string) bool {
	aSuffix, aWild := strings.CutPrefix(a, "*")
	bSuffix, bWild := strings.CutPrefix(b, "*")
	return a == b || aWild && strings.HasSuffix(bSuffix, aSuffix) || bWild && strings.HasSuffix(aSuffix, bSuffix)
}

// writers notes requests that may store an envelope that r opens, because
// sealmesh does not read them or does not look for envelopes.
func (c adviser) writers(r *Route, conf *routeConfig) {
	if !slices.ContainsFunc(conf.Response.rules(), func(e rule) bool { return e.open }) {
		return
	}
	for i, other := range c.routes {
		if !sameService(other, r) || !mayWrite(other) {
			continue
		}
		by := &c.conf.Routes[i]
		switch {
		case other.Skip:
			c.note(by.At, "write its methods if it only reads: methods: [GET, HEAD]",
				"route %q is skipped, and may store an envelope that route %q opens", other.Name, r.Name)
		case other.Request == nil || other.Request.Envelopes == EnvelopesAreData:
			c.note(by.At, "write envelopes: refuse for its requests",
				"requests of route %q may hold envelopes, and store one that route %q opens", other.Name, r.Name)
		case slices.ContainsFunc(other.Request.PassTypes, hasFields):
			c.note(by.Request.Pass[0].place, "pass no type that has fields",
				"route %q lets bodies pass unread, which may store an envelope that route %q opens", other.Name, r.Name)
		}
	}
	if c.conf.Unmatched.Value == "pass" {
		c.note(c.conf.Unmatched.place, "write unmatched: refuse", "a request without a route may store an envelope that route %q opens", r.Name)
	}
}

// hasFields reports whether a service may read fields from a body of type
// media.
func hasFields(media string) bool {
	major, _, _ := strings.Cut(media, "/")
	return major == "application" && media != "application/octet-stream" || major == "multipart" || major == "text"
}

func mayWrite(r *Route) bool {
	return len(r.Methods) == 0 || slices.ContainsFunc(r.Methods, func(m string) bool {
		return m != "GET" && m != "HEAD" && m != "OPTIONS"
	})
}

// surprises notes which places get around the rules that seal, one for each
// kind.
func (c adviser) surprises(p *Plan, d *directionConfig) {
	if p.Selector == nil {
		return
	}
	told := map[codec.SurpriseKind]bool{}
	for _, e := range d.Seal {
		for _, s := range codec.Surprises(e.Name, p.Selector) {
			if told[s.Kind] || s.Kind == codec.RootArray && d.Root.present() || s.Kind == codec.RootElement && d.RequireMatch.Value {
				continue
			}
			told[s.Kind] = true
			switch s.Kind {
			case codec.RootArray:
				c.note(e.At, "write root: object, or root: any", "path %q finds nothing where the body is an array: %s", e.Name, s.Place)
			case codec.OneForMany:
				c.note(e.At, "seal that too, if the service takes one value for a list of one", "path %q finds nothing where there is no list: %s", e.Name, s.Place)
			case codec.RootElement:
				c.note(e.At, "seal that too, if the service takes XML, or write require_match: true", "path %q finds nothing where the body is XML, whose root element comes first: %s", e.Name, s.Place)
			case codec.Prototype:
				c.note(e.At, "seal that too, if the service merges objects", "path %q finds nothing in what a merge in JavaScript takes for the same: %s", e.Name, s.Place)
			}
		}
	}
}

// unread notes the formats that cannot have the rules of d. A format that only
// lacks settings is none of them.
func (c adviser) unread(p *Plan, d *directionConfig) {
	for _, f := range c.formats {
		err := p.Unread[f]
		if _, settings := errors.AsType[*codec.SettingError](err); err != nil && !settings {
			c.note(d.At, "", "bodies of format %s are refused, since it cannot have these rules: %v", f.Name, err)
		}
	}
}

// boundElsewhere notes a tag whose parameter follows different names in the
// paths of two routes: to the tag, customer 7 and order 7 are one record.
func (c adviser) boundElsewhere() {
	for _, t := range c.conf.Tags {
		for _, from := range t.Value.ContextFrom {
			param, _ := paramOf(from.Value)
			var first *Route
			for i, r := range c.routes {
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

// use returns where r first uses tag.
func (r *routeConfig) use(tag string) (place, bool) {
	for _, d := range []*directionConfig{r.Request, r.Response} {
		if d == nil {
			continue
		}
		for _, e := range d.rules() {
			if e.Value.Value == tag {
				return e.Value.place, true
			}
		}
	}
	return place{}, false
}

// before returns the literal segment before {param}, "" for none.
func (t *template) before(param string) string {
	i := slices.IndexFunc(t.steps, func(s step) bool { return s.name == param })
	if i < 1 {
		return ""
	}
	return t.steps[i-1].literal
}

// writtenFrom warns of schemas that are not what rules were written from.
// Exchanges do not depend on them: the rules are in the policy.
func (c *compiler) writtenFrom() {
	for _, s := range c.conf.WrittenFrom {
		if !s.Value.present() {
			continue
		}
		if b, err := hex.DecodeString(s.Value.Value); err != nil || len(b) != sha256.Size {
			c.problem(s.Value.place, "write the line that sealmesh policy from-schema has printed", "not a SHA-256 in hex")
			continue
		}
		b, err := c.readFile(s.Name)
		if err != nil {
			c.warn(s.At, "delete the entry where the schema is not at hand", "cannot compare the schema %q: %v", s.Name, err)
			continue
		}
		if sum := sha256.Sum256(b); !strings.EqualFold(hex.EncodeToString(sum[:]), s.Value.Value) {
			c.warn(s.At, "compare the rules with: sealmesh policy from-schema "+s.Name, "the schema %q has changed since rules were written from it", s.Name)
		}
	}
}
