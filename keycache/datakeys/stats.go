package datakeys

import (
	"sync/atomic"

	"github.com/sealmesh/sealmesh/codec/envelope"
)

// A reason is why a data key left the set, or why a use had to wait for one.
type reason uint8

const (
	firstSeen  reason = iota // of a miss: it was never there, or is forgotten
	expired                  // its hard TTL is over
	evicted                  // to make room
	flushed                  // an operator flushed the cache
	denied                   // the KMS denied
	refused                  // the KMS had any other answer but the data key
	idle                     // nobody used it for its hard TTL; of a miss also: it is there, but dormant
	superseded               // another one vouches for the KEK, where this process may not unwrap
	unclear                  // of a miss: it is there past its soft TTL, but the KMS's last answer was unclear
	reasons
)

var reasonNames = [reasons]string{"first_seen", "expired", "evicted", "flushed", "denied", "refused", "idle", "superseded", "unclear"}

// Stats of a [Set]. Misses and evictions are counted since start, by reason:
// first_seen, expired, evicted, flushed, denied, refused, idle, superseded,
// unclear.
type Stats struct {
	Entries   int               // data keys held now
	Doubted   int               // of these, those whose KMS gave an unclear answer last: they serve to their soft TTL only
	Misses    map[string]uint64 // waits for a data key that opens
	Evictions map[string]uint64
}

// Stats returns the counters now.
func (s *Set) Stats() Stats {
	out := Stats{Entries: s.Len(), Misses: byReason(&s.misses), Evictions: byReason(&s.evictions)}
	for d := range s.All() {
		if d.standing.load() == doubted {
			out.Doubted++
		}
	}
	return out
}

// Len returns how many data keys the set holds.
func (s *Set) Len() int { return int(s.table.size.Load()) }

// CountMiss counts a use that has to wait for the data key of that id.
func (s *Set) CountMiss(id envelope.KeyID) {
	why, _ := s.gone.Get(id)
	s.misses[why].Add(1)
}

func byReason(from *[reasons]atomic.Uint64) map[string]uint64 {
	m := make(map[string]uint64, reasons)
	for i, name := range reasonNames {
		m[name] = from[i].Load()
	}
	return m
}
