package keycache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	lru2 "github.com/hashicorp/golang-lru/v2"
	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// rewrapName is the route of the key uses that a Rewrapper makes, and opRewrap
// their operation.
const (
	rewrapName = "sealmesh.rewrap"
	opRewrap   = "rewrap"
)

// rewrappedRecords is how many new records a Rewrapper remembers, so that each data
// key costs its KEK calls once.
const rewrappedRecords = 100_000

// A Rewrapper replaces the wrapped-key records of envelopes: their data keys are
// unwrapped by a KEK of the key that can, and wrapped by those that the key names now.
// No value is opened, and no ciphertext changes. Not safe for concurrent use.
type Rewrapper struct {
	key     *key
	targets []*kek
	done    *lru2.Cache[[32]byte, []byte]   // new record by commitment
	counted *lru2.Cache[[32]byte, struct{}] // whose calls Survey has counted
	buf     []byte
}

// Rewrapper returns one for the key of that name. drop names KEK URIs that still
// unwrap, but are not to wrap any more.
func (c *Cache) Rewrapper(name string, drop []string) (*Rewrapper, error) {
	k := c.keys[name]
	if k == nil {
		return nil, fmt.Errorf("rewrap: no key %q", name)
	}
	r := &Rewrapper{key: k}
	for _, kk := range k.keks {
		if !slices.Contains(drop, kk.URI) {
			r.targets = append(r.targets, kk)
		}
	}
	for _, uri := range drop {
		if !slices.ContainsFunc(k.keks, func(kk *kek) bool { return kk.URI == uri }) {
			return nil, fmt.Errorf("rewrap: key %q has no KEK %s", name, uri)
		}
	}
	if len(r.targets) == 0 {
		return nil, fmt.Errorf("rewrap: key %q would have no KEK left", name)
	}
	var err, also error
	r.done, err = lru2.New[[32]byte, []byte](rewrappedRecords)
	r.counted, also = lru2.New[[32]byte, struct{}](rewrappedRecords)
	return r, errors.Join(err, also)
}

// A Wrapping is what an envelope's record says, against what the key asks for.
type Wrapping uint8

const (
	Current   Wrapping = iota // by the key's KEKs and no other: nothing to do
	Outdated                  // some KEK of the key can unwrap it, and its record is to change
	Unrelated                 // no KEK of the key wrapped it
	Elsewhere                 // by id: its record is in a store or the policy, and stays under the KEKs that it has
)

func (r *Rewrapper) look(wraps []envelope.Wrap) Wrapping {
	if len(r.key.candidates(wraps)) == 0 {
		return Unrelated
	}
	if len(wraps) != len(r.targets) {
		return Outdated
	}
	for _, kk := range r.targets {
		if wrapBy(wraps, kk) == nil {
			return Outdated
		}
	}
	return Current
}

// wrapBy returns kk's wrap among wraps, or nil.
func wrapBy(wraps []envelope.Wrap, kk *kek) *envelope.Wrap {
	for i := range wraps {
		if wraps[i].Kind == kk.KindID && wraps[i].KEK == kk.ref {
			return &wraps[i]
		}
	}
	return nil
}

func (r *Rewrapper) parse(text []byte) (h envelope.Header, payload []byte, record *envelope.Record, err error) {
	h, payload, r.buf, err = envelope.Parse(r.buf, text)
	if err != nil || h.Record == nil {
		return h, payload, nil, err
	}
	rec, err := envelope.ParseRecord(h.Record)
	if err == nil && rec.KeyID() != h.KeyID {
		err = errRecord
	}
	return h, payload, &rec, err
}

// Rewrap appends the envelope to dst with its new record, or as it is where there
// is nothing to do. It records one key use for each data key. Errors are *Error, but for
// an envelope that does not parse.
func (r *Rewrapper) Rewrap(ctx context.Context, dst, text []byte) ([]byte, Wrapping, error) {
	h, payload, record, err := r.parse(text)
	if err != nil {
		return dst, Current, err
	}
	if record == nil {
		return append(dst, text...), Elsewhere, nil
	}
	what := r.look(record.Wraps)
	if what != Outdated {
		return append(dst, text...), what, nil
	}
	fresh, ok := r.done.Get(record.Commitment)
	if !ok {
		if fresh, err = r.wrapAnew(ctx, record); err != nil {
			return dst, what, err
		}
		r.done.Add(record.Commitment, fresh)
	}
	h.Record = fresh
	return envelope.Append(dst, h, payload), what, nil
}

// wrapAnew makes the new record of a data key, and records the use.
func (r *Rewrapper) wrapAnew(ctx context.Context, old *envelope.Record) ([]byte, error) {
	k, began := r.key, time.Now()
	fresh, err := r.rewrapped(ctx, old)
	use := keyuse.Use{
		Start: began.UnixNano(), End: time.Now().UnixNano(), Key: k.name,
		Operation: opRewrap, Fields: 1, Cache: "miss",
	}
	if err != nil {
		err = &Error{Reason: reasonToOpen(err), Key: k.name, Err: err}
		use.ErrorType = outcome(err)
	} else {
		use.DataKey = old.KeyID()
	}
	x := keyuse.Exchange{Route: rewrapName, Direction: rewrapName}
	if full := k.cache.recorder.Record(&x, []keyuse.Use{use}, keyuse.Reservation{}); full != nil && err == nil {
		err = &Error{Reason: AuditFull, Key: k.name, Err: full}
	}
	return fresh, err
}

func (r *Rewrapper) rewrapped(ctx context.Context, old *envelope.Record) ([]byte, error) {
	k := r.key
	secret, err := k.unwrap(ctx, old.Wraps, old.Commitment, unwrapping, trace.SpanContext{})
	if err != nil {
		return nil, err
	}
	defer secret.Destroy()
	fresh := envelope.Record{Commitment: old.Commitment}
	for _, kk := range r.targets {
		if w := wrapBy(old.Wraps, kk); w != nil {
			fresh.Wraps = append(fresh.Wraps, *w)
			continue
		}
		w := envelope.Wrap{Kind: kk.KindID, KEK: kk.ref}
		err := k.cache.call(ctx, kk, wrapping, k.cache.timeout, trace.SpanContext{}, func(ctx context.Context) (err error) {
			w.Wrapped, err = kk.Provider.WrapDataKey(ctx, secret, k.context)
			return err
		})
		if err != nil {
			return nil, err
		}
		fresh.Wraps = append(fresh.Wraps, w)
	}
	if err := fresh.Check(); err != nil {
		return nil, &hsm.Error{Class: hsm.Misconfigured, Operation: opRewrap, Err: err}
	}
	return envelope.AppendRecord(nil, fresh), nil
}
