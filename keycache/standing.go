package keycache

import (
	"errors"
	"sync/atomic"

	"github.com/sealmesh/sealmesh/hsm"
)

// A standing is what the KMS has said of a data key since it last vouched for
// the key. It decides whether the key serves past its soft TTL.
type standing int32

const (
	// vouched: nobody has asked since. Past soft the next use asks first.
	vouched standing = iota
	// unanswered: the KMS was asked, and does not answer. The key serves to its
	// hard TTL.
	unanswered
	// doubted: an answer was unclear, and may be a refusal. The key serves to
	// its soft TTL. Silence after such an answer clears nothing: only the KMS
	// does, by vouching for the key again.
	doubted
)

// An atomicStanding starts as vouched. Safe for concurrent use.
type atomicStanding struct{ v atomic.Int32 }

func (s *atomicStanding) load() standing { return standing(s.v.Load()) }

func (s *atomicStanding) set(to standing) { s.v.Store(int32(to)) }

// excuse notes that the KMS does not answer. It reports whether the key may
// serve past its soft TTL for that.
func (s *atomicStanding) excuse() bool {
	s.v.CompareAndSwap(int32(vouched), int32(unanswered))
	return s.load() == unanswered
}

// rest notes that nobody will ask before the next use does.
func (s *atomicStanding) rest() { s.v.CompareAndSwap(int32(unanswered), int32(vouched)) }

// errDoubted is why a data key does not serve past its soft TTL while its KMS is silent.
var errDoubted = &hsm.Error{Class: hsm.Unclear, Operation: "verify",
	Err:  errors.New("the last answer for the data key was unclear, the KMS does not answer now, and the soft TTL is over"),
	Hint: "the log and `sealmesh keys verify` show the answer: find out whether the KEK was revoked"}
