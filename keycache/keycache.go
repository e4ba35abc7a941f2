// Package keycache lets a body use keys: it seals and opens values under data
// keys that a KMS or an HSM wraps, and records every use: no record, no key.
//
// # Terms
//
//   - A KEK is a key inside a KMS or an HSM. It wraps data keys and never leaves.
//   - A data key is 32 bytes. It seals values. Its record holds its wraps, one by
//     each KEK of its key.
//   - A key is what the policy names: KEKs, a quorum, TTLs and rotation.
//   - A tag is how values of one data class are protected: a key, a suite, and the
//     context that is authenticated with each value.
//   - A session is one direction of one exchange, and the account of what it used.
//   - A key use is what is recorded of (exchange, direction, data key, operation).
//
// # Rooms
//
// A package imports only those below it.
//
//	rewrap     new wraps for the data keys of envelopes and stores
//	   │
//	keycache   Cache, Session, Tag: what a body may do; records uses
//	   │    └─ keyuse     the record of key uses
//	source     where a data key comes from: fresh, pinned or stored
//	   ├─ datakeys        unwrapped data keys: how long and how much each serves
//	   ├─ keks            the KEKs of a key: generate, wrap, unwrap, confirm
//	   └─ store           wrapped-key records that are not in envelopes
//
// calls and flight serve all of these: what holds calls back, and work that
// several callers wait for. Only datakeys holds unwrapped data keys, only keks
// calls an [hsm.Provider], and only keycache records.
//
// # Order of calls
//
//	New                     when a policy is loaded; Next when it is reloaded
//	Cache.Tag               once for each tag of the policy
//	Cache.Verify            before the process serves
//	  Cache.Session         when a direction of an exchange begins
//	    Tag.Bind            if the tag is bound to parameters
//	    Session.Warm        as soon as it is known that t will seal
//	    Session.Seal, Open  for each value
//	    Session.Admit       before each chunk of a streamed body leaves
//	  Session.Close         before a buffered body leaves, and always at the end
//	Cache.Flush             when an operator asks for it
//	Cache.Close             when no session is left
//
// Nothing that Seal or Open returned may leave if the Admit or Close after it
// fails: then the use is not recorded.
//
// # The life of a use
//
// A hit takes a few atomic loads and allocates nothing. A miss waits for one
// call of the KMS, which all sessions that need the data key share. The data
// key is verified in the background before its soft TTL ends, so that a
// revocation takes effect within the soft TTL and no use waits. If the KMS does
// not answer, the data key serves to its hard TTL; see package datakeys. Only
// what a configured KEK unwraps, and whose commitment matches, is ever used.
package keycache

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/source"
)

// Options of a [Cache]. Zero values take the documented defaults.
type Options struct {
	Recorder *keyuse.Recorder               // required
	Tracer   trace.Tracer                   // client spans of provider and store calls; nil for none
	Stores   map[string]source.StoreOptions // by name of key; a key that is not here has its records in envelopes
	Approved bool                           // only FIPS-approved suites seal and open
	MaxKeys  int                            // unwrapped data keys held for opening; DefaultMaxKeys
	Parallel int                            // provider calls in flight at once to one KEK of a key; DefaultParallel
	Timeout  time.Duration                  // of the provider calls of one unwrapping; DefaultTimeout
}

// A Cache holds the unwrapped data keys of one keyring. Safe for concurrent
// use.
type Cache struct {
	*shared
	states *sync.Pool // of *state, for sessions to use again
	keys   map[string]*key
	closed sync.Once
}

// New returns an empty cache over ring. It asks no provider.
func New(ring *hsm.Keyring, opt Options) (*Cache, error) {
	if opt.Recorder == nil {
		return nil, errors.New("key cache: no recorder of key uses: no record, no key")
	}
	if opt.MaxKeys < 0 || opt.Parallel < 0 || opt.Timeout < 0 {
		return nil, errors.New("key cache: an option is negative")
	}
	shared, err := newShared(&opt)
	if err != nil {
		return nil, err
	}
	c := &Cache{shared: shared, states: newStates(), keys: map[string]*key{}}
	if err := c.add(ring, opt.Stores); err != nil {
		return nil, err
	}
	return c, nil
}

// Next returns a cache over ring, and over those keys of c that keep names. The
// data keys of kept keys belong to both caches from then on, and both caches
// keep to the same limits together. Close both: a key ends with the last cache
// that has it. Next asks no provider.
func (c *Cache) Next(ring *hsm.Keyring, stores map[string]source.StoreOptions, keep ...string) (*Cache, error) {
	next := &Cache{shared: c.shared, states: c.states, keys: map[string]*key{}}
	for _, name := range keep {
		k := c.keys[name]
		if k == nil {
			return nil, fmt.Errorf("key cache: there is no key %q to keep", name)
		}
		next.keys[name] = k
	}
	if err := next.add(ring, stores); err != nil {
		return nil, err
	}
	for _, name := range keep {
		next.keys[name].caches.Add(1)
	}
	return next, nil
}

// add makes the keys of ring.
func (c *Cache) add(ring *hsm.Keyring, stores map[string]source.StoreOptions) error {
	for _, cfg := range ring.Keys() {
		if c.keys[cfg.Name] != nil {
			return fmt.Errorf("key cache: key %q is there twice", cfg.Name)
		}
		k, err := c.newKey(cfg, stores)
		if err != nil {
			return err
		}
		c.keys[k.Name] = k
	}
	return nil
}

// sorted returns the keys in order of name.
func (c *Cache) sorted() []*key {
	var keys []*key
	for _, name := range slices.Sorted(maps.Keys(c.keys)) {
		keys = append(keys, c.keys[name])
	}
	return keys
}

// Flush drops every unwrapped data key of the key of that name, or of all keys
// when name is empty. The next use asks the KMS again.
func (c *Cache) Flush(name string) {
	for _, k := range c.keys {
		if name == "" || name == k.Name {
			k.Flush()
		}
	}
}

// Close drops all keys that no other cache has, and stops their background
// work. Sessions must have ended. It may be called more than once, and returns
// nil.
func (c *Cache) Close() error {
	c.closed.Do(func() {
		var ended []*key
		for _, k := range c.keys {
			if k.caches.Add(-1) == 0 {
				k.Stop()
				ended = append(ended, k)
			}
		}
		for _, k := range ended {
			k.Wait()
			k.Flush()
		}
	})
	return nil
}
