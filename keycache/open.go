package keycache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"go.opentelemetry.io/otel/trace"
)

// errForged marks what only a forger or a wrong key makes: not worth telling apart.
func errForged(err error) error { return &hsm.Error{Class: hsm.Corrupt, Operation: "open", Err: err} }

var (
	errSealOnly = &hsm.Error{Class: hsm.Misconfigured, Operation: "open", Err: errors.New("the key's use is seal")}
	errOpenOnly = &hsm.Error{Class: hsm.Misconfigured, Operation: "seal", Err: errors.New("the key's use is open")}
)

// cached returns the data key of h if it is there and h does not contradict it.
func (k *key) cached(h *envelope.Header) (*dataKey, error) {
	d := k.table.get(h.KeyID)
	if d == nil || h.Record == nil || bytes.Equal(h.Record, d.record) {
		return d, nil
	}
	// The same data key, wrapped anew, or another one that was made to share half its commitment.
	r, err := envelope.ParseRecord(h.Record)
	if err != nil || r.Commitment != d.commitment {
		return nil, errForged(errRecord)
	}
	return d, nil
}

// fetch begins to unwrap the data key of h, or joins whoever has begun. by is charged
// if it comes to nothing.
func (k *key) fetch(h *envelope.Header, by *calls.Allowance, parent trace.SpanContext) (*flight.Flight[*dataKey], error) {
	if k.use == hsm.SealOnly {
		return nil, errSealOnly
	}
	if h.Record == nil && k.shelf != nil {
		return k.fetchStored(h.KeyID, by, parent)
	}
	r, err := k.record(h)
	if err != nil {
		return nil, errForged(err)
	}
	if k.pinned != nil && r.Commitment == k.pinned.Commitment {
		return k.succeed(nil, parent), nil
	}
	record := envelope.AppendRecord(nil, r) // a copy: r aliases the caller's buffer
	if r, err = envelope.ParseRecord(record); err != nil {
		return nil, errForged(err)
	}
	if err := k.keks.CheckWraps(r.Wraps); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(record)
	if err := k.remembered(sum); err != nil {
		return nil, err
	}
	return k.seek(sum, by, parent, func(ctx context.Context) (*dataKey, error) {
		return k.load(ctx, r, sum)
	})
}

// seek joins the flight of that id, or begins it where by allows that: it may be for a
// data key that is not there.
func (k *key) seek(id flight.ID, by *calls.Allowance, parent trace.SpanContext, run func(context.Context) (*dataKey, error)) (*flight.Flight[*dataKey], error) {
	if by.Spent(k.shared.now()) && !k.flights.Has(id) {
		return nil, calls.ErrSpent
	}
	return k.flights.Join(id, parent, func(ctx context.Context) (*dataKey, error) {
		d, err := run(calls.WithAllowance(ctx, by))
		if isStranger(err) {
			by.Charge(k.shared.now())
		}
		return d, err
	}), nil
}

// record returns the wrapped-key record of h: its own, or the pinned one that it names.
func (k *key) record(h *envelope.Header) (envelope.Record, error) {
	if h.Record == nil {
		if k.pinned != nil && k.pinned.KeyID() == h.KeyID {
			return *k.pinned, nil
		}
		return envelope.Record{}, errNoRecord
	}
	r, err := envelope.ParseRecord(h.Record)
	if err != nil || r.KeyID() != h.KeyID {
		return envelope.Record{}, errRecord
	}
	return r, nil
}

// load unwraps a data key and keeps it for opening.
func (k *key) load(ctx context.Context, r envelope.Record, sum [32]byte) (*dataKey, error) {
	if d := k.table.get(r.KeyID()); d != nil && d.commitment == r.Commitment && d.usable(k.shared.now()) {
		return d, nil // the flight before this one brought it
	}
	for {
		epoch := k.epoch.Load()
		d, err := k.unwrapNew(ctx, r)
		if err != nil {
			k.remember(sum, err)
			return nil, err
		}
		if e := k.table.get(d.id); e != nil && e.commitment == d.commitment && e.usable(k.shared.now()) {
			d.kill() // another flight brought it, maybe to seal
			return e, nil
		}
		if !k.keep(d, epoch) {
			continue // flushed meanwhile: ask again
		}
		k.shared.admit(d)
		return d, nil
	}
}

func (k *key) unwrapNew(ctx context.Context, r envelope.Record) (*dataKey, error) {
	asked := k.shared.now()
	secret, err := k.keks.Unwrap(ctx, r, keks.Unwrapping)
	if err != nil {
		return nil, err
	}
	defer secret.Destroy()
	if err := k.keks.CheckRevoked(ctx); err != nil {
		return nil, err
	}
	return k.newDataKey(secret, r, asked)
}
