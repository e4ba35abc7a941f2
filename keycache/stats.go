package keycache

import (
	"sync/atomic"

	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"github.com/sealmesh/sealmesh/keycache/source"
)

// keyStats counts since start. Sessions add to it when they record, so that
// values do not contend for it.
type keyStats struct{ hits, stale atomic.Uint64 }

// KeyStats are of one key. Counters count since start. Values are counted when
// they are recorded.
type KeyStats struct {
	Key         string
	Entries     int               // unwrapped data keys held now
	Doubted     int               // of these, those that serve to their soft TTL only: the KMS's last answer was unclear
	Unavailable int               // KEKs that could not be opened
	Hits, Stale uint64            // values whose data key was there; of these, past its soft TTL
	Misses      map[string]uint64 // waits for a data key that opens, by reason: see [datakeys.Stats]
	Evictions   map[string]uint64 // by the same reasons
	Rotations   map[string]uint64 // by reason: initial, age, uses, bytes
	Degraded    uint64            // data keys that not every KEK wrapped
	Calls       []keks.Calls
	Store       *source.StoreStats // nil when records are in envelopes
}

// Stats returns the counters of every key now, in order of name.
func (c *Cache) Stats() []KeyStats {
	var all []KeyStats
	for _, k := range c.sorted() {
		all = append(all, k.snapshot())
	}
	return all
}

func (k *key) snapshot() KeyStats {
	d := k.Keys.Stats()
	out := KeyStats{
		Key: k.Name, Entries: d.Entries, Doubted: d.Doubted, Unavailable: len(k.KEKs.Unavailable),
		Hits: k.stats.hits.Load(), Stale: k.stats.stale.Load(),
		Misses: d.Misses, Evictions: d.Evictions, Rotations: k.Rotations(),
		Degraded: k.KEKs.DegradedKeys(), Calls: k.KEKs.Calls(),
	}
	if k.Store != nil {
		out.Store = k.Store.Stats()
	}
	return out
}

func (s *keyStats) add(y *tally) {
	s.hits.Add(y.accesses[datakeys.Hit])
	s.stale.Add(y.accesses[datakeys.Stale])
}
