package datakeys

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// useGrain is how exactly the time of a last use is known: hits write at most
// once per grain, so that they do not contend for a cache line.
const useGrain = time.Second

// A Validity says whether a data key may be used. Moments are those of
// Shared.Now.
type Validity struct {
	freshUntil atomic.Int64 // the soft TTL; 0 when dead
	deadAt     atomic.Int64 // the hard TTL; 0 when dead
	lastUse    atomic.Int64
	standing   atomicStanding // decides whether the data key serves past its soft TTL
}

// Fresh reports whether the data key is within its soft TTL.
func (v *Validity) Fresh(now time.Duration) bool { return int64(now) < v.freshUntil.Load() }

// Usable reports whether the data key is within its hard TTL.
func (v *Validity) Usable(now time.Duration) bool { return int64(now) < v.deadAt.Load() }

// Serves reports whether the data key may be used now without asking the KMS.
func (v *Validity) Serves(now time.Duration) bool {
	return v.Fresh(now) || v.standing.load() == unanswered && v.Usable(now)
}

// Touch notes a use.
func (v *Validity) Touch(now time.Duration) {
	if int64(now)-v.lastUse.Load() >= int64(useGrain) {
		v.lastUse.Store(int64(now))
	}
}

func (v *Validity) unusedFor(now time.Duration) time.Duration {
	return now - time.Duration(v.lastUse.Load())
}

// A standing is what the KMS has said about a data key since it last vouched
// for the data key.
type standing int32

const (
	// vouched: nobody has asked since. Past the soft TTL the next use asks first.
	vouched standing = iota
	// unanswered: the KMS was asked and has not answered. The data key serves to
	// its hard TTL.
	unanswered
	// doubted: an answer was unclear, and may be a refusal. The data key serves to
	// its soft TTL. Silence after such an answer clears nothing: only the KMS
	// does, by vouching for the data key again.
	doubted
)

// An atomicStanding starts as vouched. Safe for concurrent use.
type atomicStanding struct{ v atomic.Int32 }

func (s *atomicStanding) load() standing { return standing(s.v.Load()) }

func (s *atomicStanding) set(to standing) { s.v.Store(int32(to)) }

// excuse notes that the KMS does not answer. It reports whether the data key
// may serve past its soft TTL because of that.
func (s *atomicStanding) excuse() bool {
	s.v.CompareAndSwap(int32(vouched), int32(unanswered))
	return s.load() == unanswered
}

// rest notes that nobody will ask before the next use does.
func (s *atomicStanding) rest() { s.v.CompareAndSwap(int32(unanswered), int32(vouched)) }

// errDoubted is why a data key does not serve past its soft TTL while its KMS
// is silent.
var errDoubted = &hsm.Error{Class: hsm.Unclear, Operation: "verify",
	Err:  errors.New("the last answer for the data key was unclear, the KMS does not answer now, and the soft TTL is over"),
	Hint: "the log and `sealmesh keys verify` show the answer: find out whether the KEK was revoked"}
