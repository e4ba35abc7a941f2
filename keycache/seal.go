package keycache

import (
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
)

// A grant is a session's right to seal with one key by one suite.
type grant struct {
	datakeys.Claim
	key    *key
	suite  suite.ID
	access datakeys.Access // of the next value: Miss if the grant waited for it
}

// Seal appends the envelope of value to dst. Errors are *Error.
func (s *Session) Seal(dst []byte, t *Tag, kind codec.Kind, value []byte) ([]byte, error) {
	if err := s.begin(t); err != nil {
		return dst, err
	}
	g, err := s.grant(t, uint64(len(value)))
	if err != nil {
		return dst, s.fail(useID{key: t.key, operation: opSeal, suite: t.suite.ID, reason: reasonToSeal(err)}, t, datakeys.Miss, err)
	}
	d := g.Key()
	out, err := g.Seal(dst, kind, value, t.fieldContext)
	if err != nil {
		return dst, s.fail(useID{t.key, d, opSeal, t.suite.ID, KeyMisconfigured}, t, g.access, err)
	}
	access := g.access
	if access == datakeys.Hit && !d.Fresh(s.st.now) {
		access = datakeys.Stale
	}
	g.access = datakeys.Hit // this value waited, not those that follow
	d.Touch(s.st.now)
	s.st.account.add(useID{t.key, d, opSeal, t.suite.ID, ""}, t, len(value), access, s.st.wall)
	return out, nil
}

// grant returns the session's grant for t, with room for a value of n bytes.
func (s *Session) grant(t *Tag, n uint64) (*grant, error) {
	st := s.st
	var g *grant
	for i := range st.grants {
		if st.grants[i].key == t.key && st.grants[i].suite == t.suite.ID {
			g = &st.grants[i]
			break
		}
	}
	if g == nil {
		st.grants = append(st.grants, grant{key: t.key, suite: t.suite.ID})
		g = &st.grants[len(st.grants)-1]
	}
	if g.Covers(n, st.now) {
		return g, nil
	}
	var err error
	g.access, err = g.key.Acquire(st.ctx, &g.Claim, g.suite, n, st.now, st.parent)
	if g.access != datakeys.Hit {
		s.tick()
	}
	return g, err
}
