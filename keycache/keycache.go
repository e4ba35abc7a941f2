// Package keycache is the only place where data keys live unwrapped. It makes
// them, unwraps them, bounds their use, and records every use: no record, no key.
//
// A [Cache] asks a KMS as seldom as it can and as often as it must. A data key is
// unwrapped once, whoever waits for it, and again in the background before its soft
// bound, so that a revocation takes effect within that bound and no use waits; if the KMS
// does not answer, the key serves on until its hard TTL. Only what a KEK of the
// configuration unwraps, and whose commitment matches, is ever used.
package keycache

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"go.opentelemetry.io/otel/trace"
)

// Options of a [Cache]. Zero values take the documented defaults.
type Options struct {
	Recorder *keyuse.Recorder   // required
	Tracer   trace.Tracer       // client spans of provider calls; nil for none
	Stores   map[string]Storing // by name of key; one that is not here has its records inline
	Approved bool               // only FIPS-approved suites seal and open
	MaxKeys  int                // unwrapped data keys held for opening, LRU beyond; DefaultMaxKeys
	Parallel int                // provider calls in flight at once to one KEK of a key; DefaultParallel
	Timeout  time.Duration      // for the provider calls of one unwrapping; DefaultTimeout
}

// A Cache holds the unwrapped data keys of one keyring. Safe for concurrent use.
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
	e, err := newShared(&opt)
	if err != nil {
		return nil, err
	}
	c := &Cache{shared: e, states: newStates(), keys: map[string]*key{}}
	if err := c.add(ring, opt.Stores); err != nil {
		return nil, err
	}
	return c, nil
}

// Next returns a cache over ring, and over those keys of c that keep names, whose data
// keys it goes on with: they are both caches' from then on. Both keep to the same
// limits together. Each is to be closed; a key ends with the last cache that has it.
// It asks no provider.
func (c *Cache) Next(ring *hsm.Keyring, stores map[string]Storing, keep ...string) (*Cache, error) {
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
func (c *Cache) add(ring *hsm.Keyring, stores map[string]Storing) error {
	for _, cfg := range ring.Keys() {
		if c.keys[cfg.Name] != nil {
			return fmt.Errorf("key cache: key %q is there twice", cfg.Name)
		}
		k, err := c.newKey(cfg, stores)
		if err != nil {
			return err
		}
		c.keys[k.name] = k
	}
	return nil
}

// Flush drops every unwrapped data key of the key of that name, or of all keys
// when name is empty. The next use asks the KMS again.
func (c *Cache) Flush(name string) {
	for _, k := range c.keys {
		if name == "" || name == k.name {
			k.flush()
		}
	}
}

// Close drops all keys that no other cache has, and stops their background work.
// Sessions must have ended. It may be called more than once.
func (c *Cache) Close() error {
	c.closed.Do(func() {
		var ended []*key
		for _, k := range c.keys {
			if k.caches.Add(-1) == 0 {
				k.flights.Stop()
				k.keks.Stop()
				ended = append(ended, k)
			}
		}
		for _, k := range ended {
			k.flights.Wait()
			k.keks.Wait()
			k.flush()
		}
	})
	return nil
}
