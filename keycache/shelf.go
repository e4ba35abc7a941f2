package keycache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	lru2 "github.com/hashicorp/golang-lru/v2"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// Storing says where the records of a key are kept, in place of its envelopes.
type Storing struct {
	Store store.Store // the caller closes it, after the cache
	// Refuse has no data key begin to seal while the store is away. Otherwise such a
	// one goes inline, into its envelopes, for a while: nothing is lost, and nothing stops.
	Refuse bool
}

const (
	// storeTimeout bounds one call of a store, storeParallel those in flight for one key, those
	// that get records for envelopes and the others each. They are apart from provider calls,
	// so that a slow store delays nothing but itself.
	storeTimeout  = 2 * time.Second
	storeParallel = 16
	// fallbackAge is how long a data key seals inline because the store was away.
	fallbackAge = 5 * time.Minute
)

// A shelf is the store as one key uses it.
type shelf struct {
	Storing
	shared  *shared
	scope   store.Scope
	gate    calls.Gate
	slots   calls.Slots
	records *lru2.Cache[envelope.KeyID, envelope.Record] // proven ones: an outage of the store does not reach them
	last    atomic.Pointer[dataKey]                      // that came from a slot; only the making of data keys looks at it

	answered atomic.Pointer[calls.Last] // how the last call ended
	calls    [storeOperations]calls.Counter
	inlined  atomic.Uint64 // data keys that went inline for want of the store
}

// A storeOperation is what a store is asked to do.
type storeOperation uint8

const (
	claiming storeOperation = iota
	finding
	getting
	putting
	replacing
	storeOperations
)

var storeOperationNames = [storeOperations]string{"claim", "find", "get", "put", "replace"}

func (k *key) newShelf(s Storing, ec hsm.EncryptionContext) (*shelf, error) {
	if k.pinned != nil {
		return nil, fmt.Errorf("key %q: a pinned record is not for a store", k.name)
	}
	h := &shelf{Storing: s, shared: k.shared, slots: calls.NewSlots(storeParallel)}
	h.scope = store.Scope{Key: k.name, Context: ec.Encoded()}
	for _, kk := range k.keks.KEKs {
		h.scope.KEKs = append(h.scope.KEKs, kk.Reference()...)
	}
	var err error
	h.records, err = lru2.New[envelope.KeyID, envelope.Record](rememberedRecords)
	return h, err
}

// call asks the store, unless its gate is shut.
func (h *shelf) call(caller context.Context, op storeOperation, ask func(context.Context) (envelope.Record, error)) (envelope.Record, error) {
	ctx, cancel := context.WithTimeout(caller, storeTimeout)
	defer cancel()
	release, err := h.slots.Take(ctx, op == getting)
	if err != nil {
		return envelope.Record{}, storeError(storeOperationNames[op], err)
	}
	defer release()
	began := h.shared.now()
	if err := calls.CheckAllowance(ctx, began); err != nil {
		return envelope.Record{}, err
	}
	if err := h.gate.Enter(began, storeTimeout); err != nil {
		return envelope.Record{}, storeError(storeOperationNames[op], err)
	}
	r, err := ask(h.observe(ctx))
	now := h.shared.now()
	if caller.Err() == nil {
		h.gate.Leave(began, now, outage(err), rand.Float64())
		h.answered.Store(&calls.Last{Operation: storeOperationNames[op], At: time.Now(), Err: storeError(storeOperationNames[op], outage(err))})
	}
	err = storeError(storeOperationNames[op], err)
	h.calls[op].Add(now-began, err)
	return r, err
}

// failing reports whether the store's last call got no answer, or a refusal.
func (h *shelf) failing() bool {
	last := h.answered.Load()
	return last != nil && last.Err != nil
}

// outage returns err unless it is an answer of a store that is there.
func outage(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
		return nil
	}
	return err
}

// storeError gives a store's failure its class.
func storeError(operation string, err error) error {
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

// get returns the record of a data key: one that was proven before, or what the store has.
func (h *shelf) get(ctx context.Context, id envelope.KeyID) (envelope.Record, error) {
	if r, ok := h.records.Get(id); ok {
		return r, nil
	}
	return h.call(ctx, getting, func(ctx context.Context) (envelope.Record, error) {
		r, err := h.Store.Get(ctx, id)
		if err == nil && r.KeyID() != id {
			err = store.ErrCorrupt
		}
		return r, err
	})
}

// lookUp is get for who reads what a store holds, and not what strangers send: nil
// where there is nothing.
func (h *shelf) lookUp(ctx context.Context, id envelope.KeyID) (*envelope.Record, error) {
	r, err := h.call(ctx, getting, func(ctx context.Context) (envelope.Record, error) { return h.Store.Get(ctx, id) })
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err == nil && r.KeyID() != id:
		err = storeError("get", store.ErrCorrupt)
	}
	return &r, err
}

func (h *shelf) put(ctx context.Context, r envelope.Record) (envelope.Record, error) {
	return h.call(ctx, putting, func(ctx context.Context) (envelope.Record, error) { return h.Store.Put(ctx, r) })
}

func (h *shelf) replace(ctx context.Context, old, next envelope.Record) (envelope.Record, error) {
	return h.call(ctx, replacing, func(ctx context.Context) (envelope.Record, error) { return h.Store.Replace(ctx, old, next) })
}

// verify asks for a slot that nobody has. A store that is away is an error only
// where data keys would wait for it; one that is not set up always is.
func (h *shelf) verify(ctx context.Context) error {
	_, err := h.call(ctx, finding, func(ctx context.Context) (envelope.Record, error) {
		return h.Store.Find(ctx, ownPlace().slot)
	})
	if err == nil || errors.Is(err, store.ErrNotFound) || hsm.ClassOf(err) == hsm.Unavailable && !h.Refuse {
		return nil
	}
	return err
}

func (h *shelf) snapshot() *StoreStats {
	s := &StoreStats{Inlined: h.inlined.Load(), Failing: h.failing()}
	for op := range putting { // what comes after, only who rewraps asks for
		s.Calls = append(s.Calls, StoreCallsStats{
			Operation: storeOperationNames[op],
			Results:   h.calls[op].Results(),
			Time:      h.calls[op].Time(),
		})
	}
	return s
}
