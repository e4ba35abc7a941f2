package source

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	lru2 "github.com/hashicorp/golang-lru/v2"
	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// StoreOptions say where the records of a key are kept, in place of its
// envelopes.
type StoreOptions struct {
	Store store.Store // the caller closes it, after the cache
	// Refuse lets no data key begin to seal while the store is unavailable.
	// Without it, the record of such a data key goes into its envelopes for a
	// while: nothing is lost, and nothing stops.
	Refuse bool
}

const (
	// storeTimeout bounds one call of a store. storeParallel bounds the calls in
	// flight for one key: those that get records for envelopes, and all others.
	// They are apart from provider calls, so that a slow store delays only itself.
	storeTimeout  = 2 * time.Second
	storeParallel = 16
)

// A RecordStore is a store as one key uses it. Safe for concurrent use.
type RecordStore struct {
	StoreOptions
	now    func() time.Duration
	tracer trace.Tracer
	scope  store.Scope
	gate   calls.Gate
	slots  calls.Slots
	proven *lru2.Cache[envelope.KeyID, envelope.Record] // an outage of the store does not reach these

	answered atomic.Pointer[calls.Last]
	calls    [operations]calls.Counter
	inlined  atomic.Uint64 // data keys whose record went into envelopes for want of the store
}

// An operation is what a store is asked to do.
type operation uint8

const (
	claiming operation = iota
	finding
	getting
	putting
	replacing
	operations
)

var operationNames = [operations]string{"claim", "find", "get", "put", "replace"}

func newRecordStore(opt StoreOptions, s *Source, ec hsm.EncryptionContext, tracer trace.Tracer) (*RecordStore, error) {
	rs := &RecordStore{StoreOptions: opt, now: s.now, tracer: tracer, slots: calls.NewSlots(storeParallel)}
	rs.scope = store.Scope{Key: s.Name, Context: ec.Encoded()}
	for _, kk := range s.KEKs.KEKs {
		rs.scope.KEKs = append(rs.scope.KEKs, kk.Reference()...)
	}
	var err error
	rs.proven, err = lru2.New[envelope.KeyID, envelope.Record](rememberedRecords)
	return rs, err
}

// call asks the store, unless its gate is shut.
func (rs *RecordStore) call(caller context.Context, op operation, ask func(context.Context) (envelope.Record, error)) (envelope.Record, error) {
	ctx, cancel := context.WithTimeout(caller, storeTimeout)
	defer cancel()
	name := operationNames[op]
	release, err := rs.slots.Take(ctx, op == getting)
	if err != nil {
		return envelope.Record{}, StoreError(name, err)
	}
	defer release()
	began := rs.now()
	if err := calls.CheckAllowance(ctx, began); err != nil {
		return envelope.Record{}, err
	}
	if err := rs.gate.Enter(began, storeTimeout); err != nil {
		return envelope.Record{}, StoreError(name, err)
	}
	r, err := ask(rs.observe(ctx))
	now := rs.now()
	if caller.Err() == nil {
		rs.gate.Leave(began, now, outage(err), rand.Float64())
		rs.answered.Store(&calls.Last{Operation: name, At: time.Now(), Err: StoreError(name, outage(err))})
	}
	err = StoreError(name, err)
	rs.calls[op].Add(now-began, err)
	return r, err
}

// outage returns err unless it is an answer of a store that works.
func outage(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
		return nil
	}
	return err
}

// StoreError gives a store's failure its class, as an *hsm.Error. It returns
// nil for nil.
func StoreError(operation string, err error) error {
	class := hsm.Unavailable
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt):
		class = hsm.Corrupt
	case errors.Is(err, store.ErrMisconfigured):
		class = hsm.Misconfigured
	}
	return &hsm.Error{Class: class, Provider: "store", Operation: operation, Err: err}
}

func (rs *RecordStore) find(ctx context.Context, slot store.Slot) (envelope.Record, error) {
	return rs.call(ctx, finding, func(ctx context.Context) (envelope.Record, error) { return rs.Store.Find(ctx, slot) })
}

func (rs *RecordStore) claim(ctx context.Context, slot store.Slot, r envelope.Record) (envelope.Record, error) {
	return rs.call(ctx, claiming, func(ctx context.Context) (envelope.Record, error) { return rs.Store.Claim(ctx, slot, r) })
}

// get returns the record of a data key: a proven one, or what the store has.
func (rs *RecordStore) get(ctx context.Context, id envelope.KeyID) (envelope.Record, error) {
	if r, ok := rs.proven.Get(id); ok {
		return r, nil
	}
	return rs.read(ctx, id)
}

// read returns the record that the store has for an id.
func (rs *RecordStore) read(ctx context.Context, id envelope.KeyID) (envelope.Record, error) {
	return rs.call(ctx, getting, func(ctx context.Context) (envelope.Record, error) {
		r, err := rs.Store.Get(ctx, id)
		if err == nil && r.KeyID() != id {
			err = store.ErrCorrupt
		}
		return r, err
	})
}

// LookUp returns what the store has for an id, or nil. Unlike a fetch for an
// envelope, it remembers nothing.
func (rs *RecordStore) LookUp(ctx context.Context, id envelope.KeyID) (*envelope.Record, error) {
	r, err := rs.read(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &r, err
}

// Put is [store.Store.Put].
func (rs *RecordStore) Put(ctx context.Context, r envelope.Record) (envelope.Record, error) {
	return rs.call(ctx, putting, func(ctx context.Context) (envelope.Record, error) { return rs.Store.Put(ctx, r) })
}

// Replace is [store.Store.Replace].
func (rs *RecordStore) Replace(ctx context.Context, old, next envelope.Record) (envelope.Record, error) {
	return rs.call(ctx, replacing, func(ctx context.Context) (envelope.Record, error) { return rs.Store.Replace(ctx, old, next) })
}

// Verify asks for a slot that nobody has. A store that is unavailable is an
// error only under Refuse, where data keys would wait for it; a store that is
// not set up always is.
func (rs *RecordStore) Verify(ctx context.Context) error {
	_, err := rs.find(ctx, ownPlace().slot)
	if err == nil || errors.Is(err, store.ErrNotFound) || hsm.ClassOf(err) == hsm.Unavailable && !rs.Refuse {
		return nil
	}
	return err
}
