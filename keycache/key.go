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
	"github.com/sealmesh/sealmesh/keycache/store"
)

// A key is one configured key: its KEKs, the data key that seals now, and every
// data key that opens.
type key struct {
	shared  *shared
	caches  atomic.Int64 // that have it
	name    string
	context hsm.EncryptionContext
	use     hsm.Use
	keks    []*kek
	former  []*kek               // keys that an alias stood for before: they unwrap and wrap nothing
	away    []hsm.UnavailableKEK // KEKs that may have wrapped what no KEK here did
	quorum  int
	rotate  hsm.Rotate
	bounds  hsm.TTLs
	terms   terms
	pinned  *envelope.Record // the one data key of a key that is never rotated, or nil

	shelf *shelf // where records are kept; nil when they are inline

	current   atomic.Pointer[dataKey] // seals; nil before the first use and after an eviction
	slowUntil atomic.Int64            // until when no use waits for the KEKs, which did not answer one soon

	making  calls.Gate // of the making of data keys as a whole
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
	k := &key{shared: c.shared, flights: flight.NewGroup[*dataKey](), name: cfg.Name, context: cfg.Context, use: cfg.Use, away: cfg.Unavailable, quorum: cfg.Quorum}
	var err error
	if k.rotate, k.bounds, err = resolve(cfg); err != nil {
		return nil, err
	}
	for _, kk := range cfg.KEKs {
		k.keks = append(k.keks, newKEK(kk, k.name, c.parallel))
	}
	for _, kk := range cfg.Unwrapping()[len(cfg.KEKs):] {
		k.former = append(k.former, newKEK(kk, k.name, c.parallel))
	}
	if len(k.keks) > envelope.MaxWraps {
		return nil, fmt.Errorf("key %q: %d KEKs, a record holds the wraps of %d", k.name, len(k.keks), envelope.MaxWraps)
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
		k.shelf, err = k.newShelf(s)
	}
	return k, err
}

// unwrapping returns the KEKs that unwrap.
func (k *key) unwrapping() []*kek {
	if len(k.former) == 0 {
		return k.keks
	}
	return slices.Concat(k.keks, k.former)
}

func (k *key) pin(text []byte) error {
	r, err := envelope.ParseRecordText(text)
	if err != nil {
		return fmt.Errorf("key %q: the pinned record: %w", k.name, err)
	}
	switch {
	case len(k.candidates(r.Wraps)) > 0:
	case len(k.away) > 0:
		return fmt.Errorf("key %q: the pinned record: %w", k.name, k.noWrap())
	default:
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
	k.making.Reset()
	if k.shelf != nil {
		if d := k.shelf.last.Load(); d != nil {
			d.kill() // it may have left to make room, and is held for its budgets alone
		}
		k.shelf.gate.Reset()
	}
	for _, kk := range k.unwrapping() {
		kk.gate.Reset()
	}
}
