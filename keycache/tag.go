package keycache

import (
	"fmt"
	"slices"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// A Tag is how values of one data class are protected: a key, a suite, and the
// context that is authenticated with each value. Immutable, safe for concurrent
// use.
type Tag struct {
	name         string
	key          *key
	suite        *suite.Suite
	open         int            // number of pairs whose values are not known yet
	frame        envelope.Frame // what is known of the field context
	fieldContext []byte         // nil while there are any
}

// Tag returns the tag of that name for the key of that name. The field context
// of its values is name and the pairs of context. from names further pairs,
// whose values are known later: the tag neither seals nor opens before
// [Tag.Bind]. The suite of that id seals values; a value opens by the suite
// that its envelope names.
func (c *Cache) Tag(name, key string, id suite.ID, context map[string]string, from ...string) (*Tag, error) {
	if name == "" {
		return nil, fmt.Errorf("tag: the name is empty")
	}
	k := c.keys[key]
	if k == nil {
		return nil, fmt.Errorf("tag %q: no key is named %q: add it to the keys of the policy", name, key)
	}
	s := suite.ByID(id)
	if s == nil {
		return nil, fmt.Errorf("tag %q: no suite has the number %d", name, id)
	}
	if s.Deterministic && k.Pinned == nil {
		return nil, fmt.Errorf("tag %q: the %s suite needs a key that never changes, and key %q makes new data keys: run `sealmesh keys new` and put the record it prints into the key", name, s.Name, key)
	}
	if err := c.checkSuite(id); err != nil {
		return nil, fmt.Errorf("tag %q: %w", name, err)
	}
	t := &Tag{name: name, key: k, suite: s, open: len(from), frame: envelope.NewFrame(name, context, from...)}
	if len(from) == 0 {
		t.fieldContext = t.frame.Context(nil)
	}
	for i, pair := range from {
		if _, twice := context[pair]; twice || slices.Contains(from[:i], pair) {
			return nil, fmt.Errorf("tag %q: the pair %q is in its context twice", name, pair)
		}
	}
	k.useSuite(s)
	return t, nil
}

// Bind returns a copy of t with values for the pairs that from named, in order
// of the names of the pairs. It returns t itself if there are none.
func (t *Tag) Bind(values []string) (*Tag, error) {
	if len(values) != t.open {
		return nil, fmt.Errorf("tag %q is bound to %d values, and is given %d", t.name, t.open, len(values))
	}
	if t.open == 0 {
		return t, nil
	}
	return &Tag{name: t.name, key: t.key, suite: t.suite, fieldContext: t.frame.Context(values)}, nil
}
