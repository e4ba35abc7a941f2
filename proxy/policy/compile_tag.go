package policy

import (
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
)

// A tagCompiler compiles tags.
type tagCompiler struct{ *compiler }

func (c tagCompiler) tags() []Tag {
	var tags []Tag
	for _, e := range c.conf.Tags {
		t := Tag{Name: e.Name, Key: e.Value.Key.Value, Suite: c.defaultSuite(), Context: c.context(e.Value.Context)}
		t.ContextFrom = c.contextFrom(e.Value)
		key := c.conf.Keys.index(t.Key)
		if e.Value.Key.present() && key < 0 {
			c.problem(e.Value.Key.place, didYouMean(t.Key, c.conf.Keys.names()), "unknown key %q in tag %q", e.Value.Key.Shown, e.Name)
		}
		if s := e.Value.Suite; s.present() {
			t.Suite = c.suite(s, e.Name, key)
		}
		tags = append(tags, t)
	}
	return tags
}

func (c tagCompiler) suite(t text, tag string, key int) suite.ID {
	s := suite.ByName(t.Value)
	if s == nil {
		var known []string
		for k := range suite.All() {
			known = append(known, k.Name)
		}
		c.problem(t.place, didYouMean(t.Value, known), "unknown suite %q in tag %q", t.Shown, tag)
		return 0
	}
	if c.fips() && !s.Approved {
		c.unapproved(t, tag, s)
		return 0
	}
	if s.Deterministic && key >= 0 && !c.conf.Keys[key].Value.Record.present() {
		c.problem(t.place, "make one with `sealmesh keys new --record`, and name it in the key: record: ${file:path}",
			"tag %q is deterministic, and its key %q has no record: envelopes would change with every new data key", tag, c.conf.Keys[key].Name)
	}
	return s.ID
}

// defaultSuite returns the suite of a tag that names none. With fips: required
// that is the only approved suite, so the file need not name it.
func (c tagCompiler) defaultSuite() suite.ID {
	if c.fips() {
		return suite.HKDFAES256GCM
	}
	return suite.XAES256GCM
}

// unapproved reports that tag names s, which fips: required does not admit.
func (c tagCompiler) unapproved(t text, tag string, s *suite.Suite) {
	hint := "write hkdf-aes-256-gcm, or leave suite out"
	if s.Deterministic {
		hint = "write hkdf-aes-256-gcm, with which equal values no longer look equal, and move what is stored: `sealmesh rewrap --reseal " + tag + "`, before fips is required"
	}
	c.problem(t.place, hint, "fips: required does not admit suite %q of tag %q: it is not FIPS-approved", t.Shown, tag)
}

// contextFrom compiles the context pairs of t that take their values from
// paths.
func (c tagCompiler) contextFrom(t tagConfig) []Bound {
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

// paramOf returns the name in path.NAME.
func paramOf(t text) (name string, ok bool) {
	name, ok = strings.CutPrefix(t.Value, "path.")
	return name, ok && name != "" && isVariable("{"+name+"}")
}

func isDeterministic(t text) bool {
	s := suite.ByName(t.Value)
	return s != nil && s.Deterministic
}
