// Package keycache is the only place where data keys live unwrapped. It makes
// them, unwraps them, bounds their use, and records every use: no record, no key.
//
// A [Cache] asks a KMS as seldom as it can and as often as it must. A data key is
// unwrapped once, whoever waits for it, and again in the background before its soft
// bound, so that a revocation takes effect within that bound and no use waits; if the KMS
// does not answer, the key serves on until its hard bound. Only what a KEK of the
// configuration unwraps, and whose commitment matches, is ever used.
package keycache

import (
	"context"
	"errors"
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
	MaxKeys  int                // unwrapped data keys held for opening, LRU beyond; DefaultMaxKeys
	Parallel int                // provider calls in flight at once; DefaultParallel
	Timeout  time.Duration      // for the provider calls of one unwrapping; DefaultTimeout
}

// A Cache holds the unwrapped data keys of one keyring. Safe for concurrent use.
type Cache struct {
	recorder *keyuse.Recorder
	tracer   trace.Tracer
	timeout  time.Duration
	start    time.Time
	keys     map[string]*key
	slots    chan struct{} // provider calls in flight
	lru      lru
	idling   allowance // calls for data keys that nobody uses
	states   sync.Pool // of *state, what sessions reuse

	ctx    context.Context // of background work
	cancel context.CancelFunc
	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup
}

// New returns an empty cache over ring. It asks no provider.
func New(ring *hsm.Keyring, opt Options) (*Cache, error) {
	if opt.Recorder == nil {
		return nil, errors.New("key cache: no recorder of key uses: no record, no key")
	}
	if opt.MaxKeys < 0 || opt.Parallel < 0 || opt.Timeout < 0 {
		return nil, errors.New("key cache: an option is negative")
	}
	c := &Cache{
		recorder: opt.Recorder,
		tracer:   opt.Tracer,
		timeout:  orDefault(opt.Timeout, DefaultTimeout),
		start:    time.Now(),
		keys:     map[string]*key{},
		slots:    make(chan struct{}, orDefault(opt.Parallel, DefaultParallel)),
		lru:      lru{max: orDefault(opt.MaxKeys, DefaultMaxKeys)},
		idling:   allowance{burst: idleBurst, rate: idleRate, left: idleBurst},
	}
	c.states.New = func() any { return newState() }
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for _, cfg := range ring.Keys() {
		k, err := c.newKey(cfg, opt.Stores)
		if err != nil {
			c.cancel()
			return nil, err
		}
		c.keys[k.name] = k
	}
	return c, nil
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

// Close drops all keys and stops background work. Sessions must have ended. It
// may be called more than once.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.work.Wait()
	c.Flush("")
	return nil
}

// spawn runs f in the background, unless the cache is closed.
func (c *Cache) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.work.Go(f)
	return true
}

// now is the time by which all bounds go: monotonic, since the cache was made. It
// does not count the time that a machine is suspended.
func (c *Cache) now() time.Duration { return time.Since(c.start) }

// admit makes room for d among the data keys that open.
func (c *Cache) admit(d *dataKey) {
	for _, leaving := range c.lru.add(d) {
		leaving.key.evict(leaving, evicted)
	}
}
