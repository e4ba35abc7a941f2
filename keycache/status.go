package keycache

import (
	"encoding/hex"
	"time"

	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/keks"
)

// A KeyStatus is what an operator wants to know of one key.
type KeyStatus struct {
	Name       string
	Pinned     bool
	Suites     []string       // that tags use
	KEKs       []keks.Status  // in the order of [keks.Set.Status]
	Quorum     int            // wraps that a new data key needs
	Store      *calls.Last    // how the last call of the key's store ended; nil without a store, and before the first call
	DataKey    *DataKeyStatus // the data key that seals; nil when none has been needed yet
	Entries    int            // unwrapped data keys held
	Soft, Hard time.Duration  // TTLs
}

// A DataKeyStatus is the state of the data key that seals.
type DataKeyStatus struct {
	ID          string // hex
	Age         time.Duration
	Uses, Bytes uint64 // claimed so far
	Wraps       int    // KEKs that can unwrap it
	Verified    bool   // within its soft TTL; else it serves as stale, or waits for its next use
}

// Keys returns the state of every key, in order of name.
func (c *Cache) Keys() []KeyStatus {
	var out []KeyStatus
	for _, k := range c.sorted() {
		out = append(out, k.status(c.now()))
	}
	return out
}

func (k *key) status(now time.Duration) KeyStatus {
	s := KeyStatus{
		Name: k.Name, Pinned: k.Pinned != nil, KEKs: k.KEKs.Status(), Quorum: k.KEKs.Quorum,
		Entries: k.Keys.Len(), Soft: k.Keys.Soft, Hard: k.Keys.Hard,
	}
	for _, u := range k.usedSuites() {
		s.Suites = append(s.Suites, u.Name)
	}
	if k.Store != nil {
		s.Store = k.Store.Last()
	}
	if d := k.Keys.Current(); d != nil {
		uses, bytes := d.Used()
		s.DataKey = &DataKeyStatus{
			ID: hex.EncodeToString(d.ID[:]), Age: d.Age(now), Wraps: k.KEKs.Wrapped(d.Record.Wraps),
			Uses: uses, Bytes: bytes, Verified: d.Fresh(now),
		}
	}
	return s
}
