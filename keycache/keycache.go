// Package keycache lets a body use keys: it seals and opens values under data
// keys that a KMS or an HSM wraps, and records every use: no record, no key.
//
// It asks a KMS as seldom as it can and as often as it must: see package
// datakeys for when a data key serves, and package source for where one comes
// from. Only what a configured KEK unwraps, and whose commitment matches, is
// ever used.
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
