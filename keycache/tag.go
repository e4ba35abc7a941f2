package keycache

import (
	"fmt"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// A Tag is how values of one data class are protected: a key, a suite, and the
// context that is authenticated with each value. Immutable, safe for concurrent use.
type Tag struct {
	name         string
	key          *key
	suite        *suite.Suite
	fieldContext []byte
}

// Tag resolves a tag once, when a policy is compiled. context is bound into the
// field context together with name. The suite is how values are sealed; a value
// opens under whichever suite its envelope names.
func (c *Cache) Tag(name, key string, id suite.ID, context map[string]string) (*Tag, error) {
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
	if s.Deterministic && k.pinned == nil {
		return nil, fmt.Errorf("tag %q: the %s suite needs a key that never changes, and key %q makes new data keys: run `sealmesh keys new` and put the record it prints into the key", name, s.Name, key)
	}
	if err := c.admits(id); err != nil {
		return nil, fmt.Errorf("tag %q: %w", name, err)
	}
	k.serves(s)
	return &Tag{name: name, key: k, suite: s, fieldContext: envelope.FieldContext(name, context)}, nil
}
