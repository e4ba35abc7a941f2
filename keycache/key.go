package keycache

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	lru2 "github.com/hashicorp/golang-lru/v2"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// A key is one configured key: its KEKs, the data key that seals now, and every
// data key that opens.
type key struct {
	shared *shared
	caches atomic.Int64 // that have it
	name   string
	keks   *keks.Set
	use    hsm.Use
	rotate hsm.Rotate
	bounds hsm.TTLs
	terms  terms
	pinned *envelope.Record // the one data key of a key that is never rotated, or nil

	shelf *shelf // where records are kept; nil when they are inline

	current   atomic.Pointer[dataKey] // seals; nil before the first use and after an eviction
	slowUntil atomic.Int64            // until when no use waits for the KEKs, which did not answer one soon

	table   table
	flights *flight.Group[*dataKey]
	epoch   atomic.Uint64 // flushes so far: what was begun before one is not kept after it

	failed *lru2.Cache[[32]byte, failure]              // records that did not unwrap, by hash
	gone   *lru2.Cache[envelope.KeyID, evictionReason] // why a data key left

	mu     sync.Mutex
	suites []*suite.Suite // that tags use

	stats keyStats
}

// A failure is remembered until a moment.
type failure struct {
	err   error
	until time.Duration
}

func (c *Cache) newKey(cfg *hsm.Key, stores map[string]Storing) (*key, error) {
	k := &key{shared: c.shared, flights: flight.NewGroup[*dataKey](), name: cfg.Name, use: cfg.Use}
	var err error
	if k.rotate, k.bounds, err = resolve(cfg); err != nil {
		return nil, err
	}
	soft := k.bounds.Soft
	k.keks, err = keks.New(cfg, keks.Options{
		Now: c.now, Tracer: c.tracer, Parallel: c.parallel, Timeout: c.timeout,
		Vouched: soft - verifyAt(soft, c.timeout, 1),
	})
	if err != nil {
		return nil, err
	}
	if cfg.Record != nil {
		if err := k.pin(cfg.Record); err != nil {
			return nil, err
		}
	}
	k.caches.Store(1)
	k.terms = k.newTerms()
	if k.failed, err = lru2.New[[32]byte, failure](rememberedRecords); err != nil {
		return nil, err
	}
	if k.gone, err = lru2.New[envelope.KeyID, evictionReason](rememberedRecords); err != nil {
		return nil, err
	}
	if s, ok := stores[k.name]; ok {
		k.shelf, err = k.newShelf(s, cfg.Context)
	}
	return k, err
}

func (k *key) pin(text []byte) error {
	r, err := envelope.ParseRecordText(text)
	if err != nil {
		return fmt.Errorf("key %q: the pinned record: %w", k.name, err)
	}
	if err := k.keks.CheckWraps(r.Wraps); err != nil {
		if hsm.ClassOf(err) == hsm.Unavailable {
			return fmt.Errorf("key %q: the pinned record: %w", k.name, err)
		}
		return fmt.Errorf("key %q: the pinned record holds no wrap by any KEK of the key: add the KEK it was made with", k.name)
	}
	k.pinned = &r
	return nil
}

func (k *key) serves(s *suite.Suite) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.suites, s) {
		k.suites = append(k.suites, s)
	}
}

// remember keeps a failure to unwrap for a while, so that a storm of the same
// record costs one call. An outage is the gates' to remember.
func (k *key) remember(record [32]byte, err error) {
	if calls.IsRemembered(err) {
		return
	}
	var d time.Duration
	switch class := hsm.ClassOf(err); {
	case class == hsm.Unavailable:
		return
	case class == hsm.Unclear:
		d = unclearFor
	case class == hsm.Denied || errors.Is(err, store.ErrNotFound):
		d = calls.DeniedFor
	default:
		d = corruptFor
	}
	k.failed.Add(record, failure{err, k.shared.now() + d})
}

func (k *key) remembered(record [32]byte) error {
	f, ok := k.failed.Get(record)
	if !ok {
		return nil
	}
	if k.shared.now() >= f.until {
		k.failed.Remove(record)
		return nil
	}
	return calls.Remembered(f.err)
}

// keep makes d findable, unless a flush came since epoch.
func (k *key) keep(d *dataKey, epoch uint64) bool {
	k.mu.Lock()
	if k.epoch.Load() != epoch {
		k.mu.Unlock()
		d.kill()
		return false
	}
	old := k.table.put(d)
	k.mu.Unlock()
	k.gone.Remove(d.id)
	if old != nil {
		k.shared.lru.remove(old)
		old.kill()
	}
	return true
}

// evict forgets d, and ends it. If it only had to make room, whoever waited for it
// gets it still.
func (k *key) evict(d *dataKey, why evictionReason) {
	if why == evicted {
		d.retire()
	} else {
		d.kill()
	}
	k.current.CompareAndSwap(d, nil)
	k.table.remove(d)
	k.shared.lru.remove(d)
	k.gone.Add(d.id, why)
	k.stats.evictions[why].Add(1)
}

// flush evicts everything, and forgets failures: an operator who flushes
// because a key is back does not want to wait.
func (k *key) flush() {
	k.mu.Lock()
	k.epoch.Add(1)
	k.mu.Unlock()
	for d := range k.table.all() {
		k.evict(d, flushed)
	}
	k.failed.Purge()
	if k.shelf != nil {
		if d := k.shelf.last.Load(); d != nil {
			d.kill() // it may have left to make room, and is held for its budgets alone
		}
		k.shelf.gate.Reset()
	}
	k.keks.Reset()
}
