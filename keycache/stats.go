package keycache

import (
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keks"
)

// An evictionReason is why a data key left the cache.
type evictionReason uint8

const (
	firstSeen  evictionReason = iota // of a miss: it was never there, or is forgotten
	expired                          // its hard bound
	evicted                          // to make room
	flushed                          // an operator's wish
	denied                           // the KMS said so
	refused                          // the KMS had any other answer but the key
	idle                             // nobody used it for its hard bound; of a miss also: it is there, but lay dormant
	superseded                       // another one vouches for the KEK, where this process may not unwrap
	unclear                          // of a miss: it is there past its soft TTL, but the KMS's last answer was unclear
	evictionReasons
)

var evictionNames = [evictionReasons]string{"first_seen", "expired", "evicted", "flushed", "denied", "refused", "idle", "superseded", "unclear"}

func reasonOfEviction(err error) evictionReason {
	if hsm.ClassOf(err) == hsm.Denied {
		return denied
	}
	return refused
}

// Reasons of a rotation.
const (
	rotatedFirst = iota
	rotatedAge
	rotatedUses
	rotatedBytes
	rotationReasons
)

var rotationNames = [rotationReasons]string{"initial", "age", "uses", "bytes"}

func rotationReason(old *dataKey, now time.Duration) int {
	switch {
	case old == nil || !old.usable(now):
		return rotatedFirst
	case old.uses.low():
		return rotatedUses
	case old.bytes.low():
		return rotatedBytes
	default:
		return rotatedAge
	}
}

// keyStats counts since start. Sessions add to it when they record, so that values do
// not contend for it.
type keyStats struct {
	hits, stale            atomic.Uint64
	sealed, opened, failed atomic.Uint64
	misses, evictions      [evictionReasons]atomic.Uint64
	rotations              [rotationReasons]atomic.Uint64
}

func (s *keyStats) add(y *tally, fields int) {
	n := &s.sealed
	switch {
	case y.id.reason != "":
		n = &s.failed
	case y.id.operation == opOpen:
		n = &s.opened
	}
	n.Add(uint64(fields))
	s.hits.Add(y.states[hit])
	s.stale.Add(y.states[stale])
}

func (k *key) countMiss(id envelope.KeyID) {
	why, _ := k.gone.Get(id)
	k.stats.misses[why].Add(1)
}

// Stats counts since start; Entries and DataKeys are of now.
type Stats struct {
	Keys []KeyStats
}

// KeyStats are of one key. Values are counted when they are recorded.
type KeyStats struct {
	Key                    string
	Entries                int               // unwrapped data keys held
	Doubted                int               // of these, those that serve to their soft TTL only: the KMS's last answer was unclear
	Away                   int               // KEKs that could not be opened
	Sealed, Opened, Failed uint64            // values
	Hits, Stale            uint64            // values whose data key was there; there past its soft bound
	Misses                 map[string]uint64 // waits for a data key that opens, by reason: first_seen, expired, evicted, flushed, denied, refused, idle, superseded, unclear
	Evictions              map[string]uint64 // by the same reasons; idle: nobody used it for its hard bound
	Rotations              map[string]uint64 // by reason: initial, age, uses, bytes
	Degraded               uint64            // data keys that not every KEK wrapped
	Calls                  []keks.Calls
	Store                  *StoreStats // nil when records are inline
}

// StoreStats are of the store of one key.
type StoreStats struct {
	Failing bool              // its last call got no answer, or a refusal
	Inlined uint64            // data keys that went inline because the store was away, or lied
	Calls   []StoreCallsStats // of claim, find and get
}

// StoreCallsStats are of one operation. A record that is not there counts as corrupt.
type StoreCallsStats struct {
	Operation string
	Results   map[string]uint64 // as in CallStats
	Time      time.Duration     // in all
}

// Stats returns the counters now.
func (c *Cache) Stats() Stats {
	var s Stats
	for _, k := range c.sorted() {
		s.Keys = append(s.Keys, k.snapshot())
	}
	return s
}

func (k *key) snapshot() KeyStats {
	s := &k.stats
	out := KeyStats{
		Key: k.name, Entries: int(k.table.size.Load()), Doubted: k.doubted(), Away: len(k.keks.Unavailable),
		Sealed: s.sealed.Load(), Opened: s.opened.Load(), Failed: s.failed.Load(),
		Hits: s.hits.Load(), Stale: s.stale.Load(), Degraded: k.keks.DegradedKeys(),
		Misses: counts(s.misses[:], evictionNames[:]), Evictions: counts(s.evictions[:], evictionNames[:]),
		Rotations: counts(s.rotations[:], rotationNames[:]), Calls: k.keks.Calls(),
	}
	if k.shelf != nil {
		out.Store = k.shelf.snapshot()
	}
	return out
}

// doubted counts the data keys whose KMS gave an unclear answer last.
func (k *key) doubted() (n int) {
	for d := range k.table.all() {
		if d.standing.load() == doubted {
			n++
		}
	}
	return n
}

func counts(from []atomic.Uint64, names []string) map[string]uint64 {
	m := make(map[string]uint64, len(names))
	for i, name := range names {
		m[name] = from[i].Load()
	}
	return m
}
