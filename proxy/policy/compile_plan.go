package policy

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
)

// A planCompiler compiles one direction of a route.
type planCompiler struct {
	*compiler
	direction *directionConfig
	request   bool
	route     *Route // whose path is compiled
	plan      *Plan
	at        []named[text] // the path and tag of each rule in plan
}

// plan compiles one direction of r, for route; nil if its bodies are not read.
func (c *compiler) plan(route *Route, d *directionConfig, r *routeConfig, request bool) *Plan {
	reads := request && r.reads()
	if d == nil && reads {
		d = &directionConfig{}
	}
	if d == nil || request && d.unread(r) {
		return nil
	}
	p := &planCompiler{compiler: c, direction: d, request: request, route: route, plan: &Plan{Limits: c.limits, Envelopes: envelopesOf(d, r.Envelopes)}}
	p.compile(reads)
	return p.plan
}

func (c *planCompiler) compile(reads bool) {
	d, p := c.direction, c.plan
	if d.Body.Value == "streamed" {
		p.Mode = Streamed
	}
	c.rules()
	if slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Open }) {
		p.OpenedBytes, p.Limits.BodyBytes = p.Limits.BodyBytes, 0
	}
	c.places()
	if len(p.Rules) == 0 && !reads {
		c.problem(d.At, "", "no values to seal or open")
	}
	p.PlacesOnly = p.Reads() && p.HasPlaces() && (!c.request || p.Envelopes == EnvelopesAreData)
	c.migration()
	c.guards()
	options := c.options()
	if s := c.selector(p.Rules[:len(c.at)], c.at); s != nil {
		p.Selector = s.Guarded(p.guard())
		c.check(options)
	}
	p.PassTypes = c.passTypes(d.Pass)
	c.query(options)
}

// rules adds the rules of both operations.
func (c *planCompiler) rules() {
	d, p := c.direction, c.plan
	for _, e := range d.Seal {
		p.Rules = append(p.Rules, c.rule(rule{named: e}))
		c.at = append(c.at, e)
	}
	for _, e := range d.Open {
		if i := d.Seal.index(e.Name); i >= 0 {
			c.problem(e.At, "a value is sealed or opened, not both", "path %q is in seal, line %d, and in open", e.Name, d.Seal[i].At.line)
			continue
		}
		p.Rules = append(p.Rules, c.rule(rule{named: e, open: true}))
		c.at = append(c.at, e)
	}
	c.nested()
}

// nested warns of a path below another path of the same direction, if the
// longer begins with the shorter: the outer value is taken whole, so the inner
// rule never applies.
func (c *planCompiler) nested() {
	for _, inner := range c.at {
		for _, outer := range c.at {
			rest, ok := strings.CutPrefix(inner.Name, outer.Name)
			if ok && rest != "" && (rest[0] == '.' || rest[0] == '[') {
				c.warn(inner.At, "", "path %q never applies: %q in line %d takes the value that it is in", inner.Name, outer.Name, outer.At.line)
			}
		}
	}
}

func (c *planCompiler) rule(e rule) Rule {
	tag := c.conf.Tags.index(e.Value.Value)
	if tag >= 0 {
		c.mayUse(e, c.conf.Tags[tag].Value.Key)
	} else if e.Value.present() {
		c.problem(e.Value.place, didYouMean(e.Value.Value, c.conf.Tags.names()), "unknown tag %q", e.Value.Shown)
	}
	return Rule{In: e.in, Path: e.Name, Tag: tag, Open: e.open}
}

// mayUse checks that key may be used for what the rule e does.
func (c *planCompiler) mayUse(e rule, key text) {
	i := c.conf.Keys.index(key.Value)
	if i < 0 {
		return
	}
	switch use := useOf(c.conf.Keys[i].Value.Use); {
	case e.open && use == hsm.SealOnly:
		c.problem(e.At, "", "%s is to be opened, but the use of key %q is seal", e, key.Shown)
	case !e.open && use == hsm.OpenOnly:
		c.problem(e.At, "", "%s is to be sealed, but the use of key %q is open", e, key.Shown)
	}
}

func (c *planCompiler) migration() {
	d, p := c.direction, c.plan
	if d.Migration == nil {
		return
	}
	until := d.Migration.AcceptPlaintextUntil
	if !slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Open }) {
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

// checkDates warns of a migration that has ended, or that lasts too long to be
// one.
func (c *planCompiler) checkDates(d date) {
	const longest = 400 * 24 * time.Hour
	switch left := time.Until(d.Value); {
	case left <= 0:
		c.warn(d.place, "delete the migration", "accept_plaintext_until is past: plaintext is refused")
	case left > longest:
		c.warn(d.place, "", "accept_plaintext_until is more than 400 days ahead")
	}
}

// selector compiles the paths, and reports every path that does not compile.
// at are the names and tags of rules in the file.
func (c *planCompiler) selector(rules []Rule, at []named[text]) *codec.Selector {
	in := make([]codec.Rule, len(at))
	for i, r := range rules {
		in[i] = codec.Rule{Path: r.Path, Unescape: !r.Open && c.deterministic(r.Tag), Open: r.Open, Envelopes: c.plan.Envelopes == KeepEnvelopes}
		if r.Open {
			in[i].Longest = longestSealed(c.limits.ValueBytes)
		}
	}
	s, err := selectorOf(in, c.direction.IgnoreCase.Value, func(i int, bad *codec.PathError) {
		c.problem(c.inside(at[i].At, at[i].Name, bad.Offset), "", "path %q: %s", bad.Path, bad.Detail)
		at = slices.Delete(at, i, i+1)
	})
	if err != nil {
		c.problem(at[0].At, "", "%v", err)
	}
	return s
}

// selectorOf compiles rules. It drops a path that does not compile, or that an
// earlier path spells too, calls dropped with its index, and tries again. It
// takes ownership of rules.
func selectorOf(rules []codec.Rule, fold bool, dropped func(i int, bad *codec.PathError)) (*codec.Selector, error) {
	compile := codec.NewSelector
	if fold {
		compile = codec.NewFoldingSelector
	}
	for {
		s, err := compile(rules)
		bad, ok := errors.AsType[*codec.PathError](err)
		if !ok {
			return s, err
		}
		i := lastPath(rules, bad.Path)
		if i < 0 {
			return nil, err
		}
		dropped(i, bad)
		rules = slices.Delete(rules, i, i+1)
	}
}

// longestSealed returns the length in bytes that a value of n bytes may have
// once it is sealed and in quotes: a value that may be sealed must open again.
func longestSealed(n int) int {
	const quotes = 2 // of JSON, CSV and XML attributes
	return envelope.LongestText(cmp.Or(n, codec.DefaultValueBytes)) + quotes
}

func lastPath(rules []codec.Rule, path string) int {
	for i, r := range slices.Backward(rules) {
		if r.Path == path {
			return i
		}
	}
	return -1
}

func (c *planCompiler) deterministic(tag int) bool {
	if tag < 0 {
		return false
	}
	return isDeterministic(c.conf.Tags[tag].Value.Suite)
}
