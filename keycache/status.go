package keycache

import (
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/keks"
)

// A KeyStatus is what an operator wants to know of one key.
type KeyStatus struct {
	Name       string
	Pinned     bool
	Suites     []string       // that tags use
	KEKs       []keks.Status  // in order of preference, then former targets of aliases, then those that could not be opened
	Quorum     int            // wraps that a new data key needs
	Store      *calls.Last    // how the last call of the key's store ended; nil without one, and before the first call
	DataKey    *DataKeyStatus // the one that seals; nil when none has been needed yet
	Entries    int            // unwrapped data keys held
	Soft, Hard time.Duration
}

// A DataKeyStatus is the state of the data key that seals.
type DataKeyStatus struct {
	ID          string // hex
	Age         time.Duration
	Uses, Bytes uint64 // claimed so far
	Wraps       int    // KEKs that can unwrap it
	Verified    bool   // within its soft TTL; else it is served as stale, or waits for its next use
}

// Keys returns the state of every key, in order of name.
func (c *Cache) Keys() []KeyStatus {
	var out []KeyStatus
	for _, k := range c.sorted() {
		out = append(out, k.status())
	}
	return out
}

func (c *Cache) sorted() []*key {
	var keys []*key
	for _, name := range slices.Sorted(maps.Keys(c.keys)) {
		keys = append(keys, c.keys[name])
	}
	return keys
}

func (k *key) status() KeyStatus {
	now := k.shared.now()
	s := KeyStatus{
		Name: k.name, Pinned: k.pinned != nil, Quorum: k.keks.Quorum, KEKs: k.keks.Status(),
		Entries: int(k.table.size.Load()), Soft: k.bounds.Soft, Hard: k.bounds.Hard,
	}
	for _, u := range k.usedSuites() {
		s.Suites = append(s.Suites, u.Name)
	}
	if k.shelf != nil {
		s.Store = k.shelf.answered.Load()
	}
	if d := k.current.Load(); d != nil {
		s.DataKey = &DataKeyStatus{
			ID: hex.EncodeToString(d.id[:]), Age: now - d.born, Wraps: k.keks.Wrapped(d.wraps),
			Uses: d.uses.used.Load(), Bytes: d.bytes.used.Load(), Verified: d.fresh(now),
		}
	}
	return s
}
