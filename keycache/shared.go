package keycache

import (
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
	"github.com/sealmesh/sealmesh/keycache/store"
	"go.opentelemetry.io/otel/trace"
)

// Data keys that a fleet shares, by way of a store. All of its processes use the
// one in the slot that the clock names: whoever is first puts it there, and the others
// unwrap that. A record is in the store before anything is sealed under its data key.
//
// An epoch lasts 7/8 of rotate.age, and its data key is made or fetched up to
// 1/8 of it ahead, so that none seals for longer than rotate.age.

// errKeep: there is no successor, for want of the store, but the data key may go on.
var errKeep = errors.New("the store is away, and the data key that seals may go on")

// maxGenerations bounds how many data keys, each short of a KEK, are passed over
// for one that is not.
const maxGenerations = 8

// A place is a slot and what it was made of. The zero place is none.
type place struct {
	slot       store.Slot
	epoch      int64 // Unix seconds of its begin; 0 for a slot that is not shared
	generation uint64
}

// epochSeconds is the length of an epoch.
func (k *key) epochSeconds() int64 { return max(1, int64(k.rotate.Age/time.Second)*7/8) }

func (k *key) place(epoch int64, generation uint64) place {
	return place{k.shelf.scope.Slot(time.Unix(epoch, 0), generation), epoch, generation}
}

// ownPlace is one that no other writer comes to: a process that may not unwrap
// shares no data key.
func ownPlace() (p place) {
	crand.Read(p.slot[:])
	return p
}

// due returns the place of the data key that should seal next.
func (k *key) due() place {
	length := k.epochSeconds()
	epoch := time.Now().Unix() / length * length
	last := k.shelf.last.Load()
	if last == nil || epoch > last.from.epoch {
		return k.place(epoch, 0)
	}
	from, ahead := last.from, k.shared.now() >= last.aheadAt
	switch {
	case last.spent.Load() || last.uses.low() || last.bytes.low() || ahead && k.keks.Degraded(last.wraps):
		return k.place(from.epoch, from.generation+1)
	case ahead:
		return k.place(from.epoch+length, 0)
	default:
		return from
	}
}

// share returns the data key that is due: the one in the store, else a new one.
func (k *key) share(ctx context.Context, old *dataKey) (*dataKey, error) {
	if k.use == hsm.SealOnly {
		return k.claim(ctx, ownPlace(), old)
	}
	p, r, err := k.find(ctx, k.due())
	if errors.Is(err, store.ErrNotFound) {
		return k.claim(ctx, p, old)
	}
	var d *dataKey
	if err == nil {
		d, err = k.adopt(ctx, p, r)
	}
	if err == nil {
		return d, nil
	}
	if err := k.mayGoInline(old, err); err != nil {
		return nil, err
	}
	if d, err = k.generate(ctx); err != nil {
		return nil, err
	}
	return k.inline(d), nil
}

// find looks into the slot, and past data keys that are short of a KEK, into those
// that came after.
func (k *key) find(ctx context.Context, p place) (place, envelope.Record, error) {
	r, err := k.findOne(ctx, p)
	for range maxGenerations {
		if err != nil || !k.keks.Degraded(r.Wraps) {
			break
		}
		q := k.place(p.epoch, p.generation+1)
		s, err := k.findOne(ctx, q)
		if err != nil {
			break
		}
		p, r = q, s
	}
	return p, r, err
}

func (k *key) findOne(ctx context.Context, p place) (envelope.Record, error) {
	if last := k.shelf.last.Load(); last != nil && last.from == p {
		return envelope.ParseRecord(last.record) // the store has said so before
	}
	return k.shelf.call(ctx, finding, func(ctx context.Context) (envelope.Record, error) {
		return k.shelf.Store.Find(ctx, p.slot)
	})
}

// adopt unwraps the data key that another process put into the slot.
func (k *key) adopt(ctx context.Context, p place, r envelope.Record) (*dataKey, error) {
	d, err := k.unwrapNew(ctx, r)
	if err != nil {
		return nil, err
	}
	return k.settleIn(d, p), nil
}

// claim makes a data key and puts it into the slot, unless another process is
// first: then it is thrown away, unused, for that one's.
func (k *key) claim(ctx context.Context, p place, old *dataKey) (*dataKey, error) {
	secret, r, asked, err := k.keks.Generate(ctx)
	if err != nil {
		return nil, err
	}
	defer secret.Destroy()
	won, err := k.shelf.call(ctx, claiming, func(ctx context.Context) (envelope.Record, error) {
		return k.shelf.Store.Claim(ctx, p.slot, r)
	})
	if err == nil && won.Commitment != r.Commitment {
		var d *dataKey
		if d, err = k.adopt(ctx, p, won); err == nil {
			return d, nil
		}
	}
	if err != nil {
		if err := k.mayGoInline(old, err); err != nil {
			return nil, err
		}
	}
	d, bad := k.newDataKey(secret, r, asked)
	switch {
	case bad != nil:
		return nil, bad
	case err != nil:
		return k.inline(d), nil
	default:
		return k.settleIn(d, p), nil
	}
}

// mayGoInline decides what becomes of sealing when err kept a data key from the
// store, or one that is there from being used: nil for a data key of our own, inline.
func (k *key) mayGoInline(old *dataKey, err error) error {
	switch {
	case hsm.ClassOf(err) == hsm.Denied:
		return err // the KMS said no: that is an answer
	case k.use != hsm.SealOnly && old != nil && old.maySeal(k.shared.now()) && !old.spent.Load():
		return errKeep
	case k.shelf.Refuse:
		return err
	default:
		return nil
	}
}

// inline has d seal with its record in every envelope, and not for long.
func (k *key) inline(d *dataKey) *dataKey {
	k.shelf.inlined.Add(1)
	d.retireBy(min(d.retireAt, d.born+fallbackAge), fallbackAge/8)
	return d
}

// retireBy has d seal until a moment, and its successor be made in the last part of the time before.
func (d *dataKey) retireBy(at, ahead time.Duration) {
	d.retireAt = at
	d.aheadAt = at - time.Duration((0.5+0.5*rand.Float64())*float64(ahead))
}

// settleIn has d seal with nothing but its id in envelopes, from p until the
// epoch ends. What the process sealed under the same data key before, counts on.
func (k *key) settleIn(d *dataKey, p place) *dataKey {
	h := k.shelf
	d.reference, d.from = nil, p
	h.records.Add(d.id, envelope.Record{Commitment: d.commitment, Wraps: d.wraps})
	if p.epoch == 0 {
		return d
	}
	end := time.Unix(p.epoch+k.epochSeconds(), 0)
	d.retireBy(d.born+time.Until(end), k.rotate.Age/8)
	if k.keks.Degraded(d.wraps) {
		d.retireBy(min(d.retireAt, d.born+degradedAge), degradedAge/8)
	}
	if last := h.last.Load(); last != nil && last.id == d.id {
		d.uses.used.Store(last.uses.used.Load())
		d.bytes.used.Store(last.bytes.used.Load())
		d.spent.Store(last.spent.Load())
	}
	h.last.Store(d)
	return d
}

// storedFlight is the id under which the data key of an envelope without a record
// is fetched. It is no SHA-256 that anybody can make.
func storedFlight(id envelope.KeyID) (f flight.ID) {
	copy(f[:], id[:])
	f[31] = 1
	return f
}

// fetchStored begins to get and unwrap the data key of that id.
func (k *key) fetchStored(of envelope.KeyID, by *calls.Allowance, parent trace.SpanContext) (*flight.Flight[*dataKey], error) {
	id := storedFlight(of)
	if err := k.remembered(id); err != nil {
		return nil, err
	}
	load := func(ctx context.Context) (*dataKey, error) {
		d, err := k.loadStored(ctx, of)
		if err != nil {
			k.remember(id, err)
		}
		return d, err
	}
	if k.shelf.records.Contains(of) { // no stranger's: it was proven before
		return k.flights.Join(id, parent, load), nil
	}
	return k.seek(id, by, parent, load)
}

func (k *key) loadStored(ctx context.Context, id envelope.KeyID) (*dataKey, error) {
	if d := k.table.get(id); d != nil && d.usable(k.shared.now()) {
		return d, nil
	}
	r, err := k.shelf.get(ctx, id)
	if err != nil {
		return nil, err
	}
	d, err := k.load(ctx, r, sha256.Sum256(envelope.AppendRecord(nil, r)))
	if err == nil {
		k.shelf.records.Add(id, r)
	}
	return d, err
}
