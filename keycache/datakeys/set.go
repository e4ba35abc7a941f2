package datakeys

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	lru2 "github.com/hashicorp/golang-lru/v2"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
)

// ErrEvicted is returned for a data key that was evicted while somebody waited
// for it: look for it again.
var ErrEvicted = errors.New("the data key was flushed while it was being unwrapped")

// ErrSuperseded is returned by [Options.Unwrap] when another data key has taken
// the place of the one that was to be verified.
var ErrSuperseded = errors.New("another data key seals now")

// rememberedKeys bounds the data keys of which a set remembers why they left.
const rememberedKeys = 4096

// Shared is what the sets of a process have in common.
type Shared struct {
	Now      func() time.Duration // monotonic, since any fixed moment; not counted while a machine is suspended
	Approved bool                 // make ciphers of FIPS-approved suites only
	lru      lru
	Idle     *calls.Allowance // verifications of data keys that nobody used
}

// NewShared returns a Shared that holds at most maxKeys data keys for opening.
func NewShared(now func() time.Duration, maxKeys int, approved bool) *Shared {
	return &Shared{Now: now, Approved: approved, lru: lru{max: maxKeys}, Idle: calls.NewAllowance(idleBurst, idleRate)}
}

// Options of a [Set].
type Options struct {
	Soft, Hard time.Duration // see the package comment
	Timeout    time.Duration // of the calls that verify one data key
	Rotate     hsm.Rotate    // what one data key may seal
	Pinned     bool          // the one data key is never rotated, and may seal by the deterministic suite
	KeepIdle   bool          // verify data keys that nobody used, within the allowance

	// Unwrap asks the KMS for the data key of d again. An error of class
	// hsm.Unavailable or hsm.Unclear has the set retry; [ErrSuperseded], and any
	// other error, evict d. The set destroys the secret.
	Unwrap func(ctx context.Context, d *DataKey) (*hsm.Secret, error)
}

// A Set is the unwrapped data keys of one configured key: the data key that
// seals now, and all that open.
type Set struct {
	*Shared
	Options
	Flights *flight.Group[*DataKey] // what makes, unwraps and verifies them; the set's user stops it

	current   atomic.Pointer[DataKey]
	slowUntil atomic.Int64 // until then, no use waits for a KMS that did not answer one in time
	table     table
	gone      *lru2.Cache[envelope.KeyID, reason] // why data keys left

	mu    sync.Mutex
	epoch atomic.Uint64 // number of flushes; written with mu held

	misses, evictions [reasons]atomic.Uint64
}

// NewSet returns an empty set.
func NewSet(shared *Shared, opt Options) (*Set, error) {
	gone, err := lru2.New[envelope.KeyID, reason](rememberedKeys)
	if err != nil {
		return nil, err
	}
	return &Set{Shared: shared, Options: opt, Flights: flight.NewGroup[*DataKey](), gone: gone}, nil
}

// Current returns the data key that seals. It is nil before the first
// [Set.Promote] and after an eviction.
func (s *Set) Current() *DataKey { return s.current.Load() }

// Get returns the data key of that id, or nil.
func (s *Set) Get(id envelope.KeyID) *DataKey { return s.table.get(id) }

// All yields every data key of the set.
func (s *Set) All() iter.Seq[*DataKey] { return s.table.all() }

// Epoch returns a number for [Set.Keep]. Take it before the KMS is asked.
func (s *Set) Epoch() uint64 { return s.epoch.Load() }

// Keep makes d findable. It reports false, and ends d, if the set was flushed
// since epoch: what began before a flush is not kept after it.
func (s *Set) Keep(d *DataKey, epoch uint64) bool {
	s.mu.Lock()
	if s.epoch.Load() != epoch {
		s.mu.Unlock()
		d.Destroy()
		return false
	}
	old := s.table.put(d)
	s.mu.Unlock()
	s.gone.Remove(d.ID)
	if old != nil {
		s.lru.remove(old)
		old.Destroy()
	}
	return true
}

// Admit bounds the data keys that open: d is one of them now, and the data keys
// of any set that were not used for the longest time leave to make room.
func (s *Set) Admit(d *DataKey) {
	for _, leaving := range s.lru.add(d) {
		leaving.set.evict(leaving, evicted)
	}
}

// Promote makes d the data key that seals. Its predecessor still opens, while
// it is wanted.
func (s *Set) Promote(d *DataKey) {
	before := s.current.Swap(d)
	if before != nil && before.Usable(s.Now()) {
		s.Admit(before)
	}
}

// Flush evicts every data key. It does not reach a data key that already left
// to make room: destroy one that is held for its budgets.
func (s *Set) Flush() {
	s.mu.Lock()
	s.epoch.Add(1)
	s.mu.Unlock()
	for d := range s.table.all() {
		s.evict(d, flushed)
	}
}

// evict forgets d, and ends it. If d only has to make room, those who already
// waited for it still get it.
func (s *Set) evict(d *DataKey, why reason) {
	if why == evicted {
		d.retire()
	} else {
		d.Destroy()
	}
	s.current.CompareAndSwap(d, nil)
	s.table.remove(d)
	s.lru.remove(d)
	s.gone.Add(d.ID, why)
	s.evictions[why].Add(1)
}
