package source

import (
	"context"
	crand "crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/store"
)

const (
	// fallbackAge is how long a data key seals with its record in envelopes
	// because the store was unavailable.
	fallbackAge = 5 * time.Minute
	// maxGenerations bounds how many data keys, each short of a KEK, are passed
	// over for one that is not.
	maxGenerations = 8
)

// errKeep says that there is no successor, for want of the store, but that the
// data key may continue to seal.
var errKeep = errors.New("the store is unavailable, and the data key that seals may continue")

// A fleet is all processes that share data keys by way of a store. All of them
// use the data key in the slot that the clock names: the first puts it
// there, and the others unwrap it. A record is in the store before anything is
// sealed under its data key.
//
// An epoch lasts 7/8 of rotate.age, and its data key is made or fetched up to
// 1/8 of it ahead, so that none seals for longer than rotate.age.
type fleet struct {
	*Source
	last atomic.Pointer[slotted] // only the making of data keys looks at it
}

// A slotted is the last data key that came from a slot. It is held for its
// lease when it has left the cache.
type slotted struct {
	*datakeys.DataKey
	from place
}

// A place is a slot and what it was made of. The zero place is none.
type place struct {
	slot       store.Slot
	epoch      int64 // Unix seconds of its begin; 0 for a slot that is not shared
	generation uint64
}

// epochSeconds is the length of an epoch.
func (f *fleet) epochSeconds() int64 { return max(1, int64(f.Keys.Rotate.Age/time.Second)*7/8) }

func (f *fleet) place(epoch int64, generation uint64) place {
	return place{f.Store.scope.Slot(time.Unix(epoch, 0), generation), epoch, generation}
}

// ownPlace is one that no other writer comes to: a process that may not unwrap
// shares no data key.
func ownPlace() (p place) {
	crand.Read(p.slot[:])
	return p
}

// nextPlace returns the place of the data key that should seal next.
func (f *fleet) nextPlace() place {
	length := f.epochSeconds()
	epoch := time.Now().Unix() / length * length
	last := f.last.Load()
	if last == nil || epoch > last.from.epoch {
		return f.place(epoch, 0)
	}
	from, ahead := last.from, last.Ahead(f.now())
	switch {
	case last.Spent() || last.UsesLow() || last.BytesLow() || ahead && f.KEKs.Degraded(last.Record.Wraps):
		return f.place(from.epoch, from.generation+1)
	case ahead:
		return f.place(from.epoch+length, 0)
	default:
		return from
	}
}

// share returns the data key that should seal next: the one in the store, else
// a new one.
func (f *fleet) share(ctx context.Context, old *datakeys.DataKey) (*datakeys.DataKey, error) {
	if f.Use == hsm.SealOnly {
		return f.claim(ctx, ownPlace(), old)
	}
	p, r, err := f.find(ctx, f.nextPlace())
	if errors.Is(err, store.ErrNotFound) {
		return f.claim(ctx, p, old)
	}
	var d *datakeys.DataKey
	if err == nil {
		d, err = f.adopt(ctx, p, r)
	}
	if err == nil {
		return d, nil
	}
	if err := f.mayGoInline(old, err); err != nil {
		return nil, err
	}
	if d, err = f.generate(ctx); err != nil {
		return nil, err
	}
	return f.inline(d), nil
}

// find looks into the slot. Past data keys that are short of a KEK, it looks
// into the slots that came after.
func (f *fleet) find(ctx context.Context, p place) (place, envelope.Record, error) {
	r, err := f.findOne(ctx, p)
	for range maxGenerations {
		if err != nil || !f.KEKs.Degraded(r.Wraps) {
			break
		}
		q := f.place(p.epoch, p.generation+1)
		s, err := f.findOne(ctx, q)
		if err != nil {
			break
		}
		p, r = q, s
	}
	return p, r, err
}

func (f *fleet) findOne(ctx context.Context, p place) (envelope.Record, error) {
	if last := f.last.Load(); last != nil && last.from == p {
		return envelope.ParseRecord(last.Encoded) // the store has said so before
	}
	return f.Store.find(ctx, p.slot)
}

// adopt unwraps the data key that another process put into the slot.
func (f *fleet) adopt(ctx context.Context, p place, r envelope.Record) (*datakeys.DataKey, error) {
	d, err := f.unwrap(ctx, r)
	if err != nil {
		return nil, err
	}
	return f.settle(d, p), nil
}

// claim makes a data key and puts it into the slot. If another process is
// first, the new data key is thrown away, unused, and the other one is adopted.
func (f *fleet) claim(ctx context.Context, p place, old *datakeys.DataKey) (*datakeys.DataKey, error) {
	secret, r, asked, err := f.KEKs.Generate(ctx)
	if err != nil {
		return nil, err
	}
	defer secret.Destroy()
	won, err := f.Store.claim(ctx, p.slot, r)
	if err == nil && won.Commitment != r.Commitment {
		var d *datakeys.DataKey
		if d, err = f.adopt(ctx, p, won); err == nil {
			return d, nil
		}
	}
	if err != nil {
		if err := f.mayGoInline(old, err); err != nil {
			return nil, err
		}
	}
	d, bad := f.newDataKey(secret, r, asked)
	switch {
	case bad != nil:
		return nil, bad
	case err != nil:
		return f.inline(d), nil
	default:
		return f.settle(d, p), nil
	}
}

// mayGoInline decides whether a new data key may seal with its record in
// envelopes, when err kept a data key from the store, or one in the store from
// being used. It returns nil if so.
func (f *fleet) mayGoInline(old *datakeys.DataKey, err error) error {
	switch {
	case hsm.ClassOf(err) == hsm.Denied:
		return err // a denial is an answer
	case f.Use != hsm.SealOnly && old != nil && old.MaySeal(f.now()) && !old.Spent():
		return errKeep
	case f.Store.Refuse:
		return err
	default:
		return nil
	}
}

// inline gives d a short lease. Its record is in every envelope.
func (f *fleet) inline(d *datakeys.DataKey) *datakeys.DataKey {
	f.Store.inlined.Add(1)
	d.RetireWithin(fallbackAge, fallbackAge/8)
	return d
}

// settle lets d seal with nothing but its id in envelopes, from p until the
// epoch ends. What this process sealed under the same data key before, counts.
func (f *fleet) settle(d *datakeys.DataKey, p place) *datakeys.DataKey {
	d.ByID()
	f.Store.proven.Add(d.ID, d.Record)
	if p.epoch == 0 {
		return d
	}
	end := time.Unix(p.epoch+f.epochSeconds(), 0)
	d.RetireAfter(time.Until(end), f.Keys.Rotate.Age/8)
	if f.KEKs.Degraded(d.Record.Wraps) {
		d.RetireWithin(degradedAge, degradedAge/8)
	}
	if last := f.last.Load(); last != nil && last.ID == d.ID {
		d.Continue(&last.Lease)
	}
	f.last.Store(&slotted{d, p})
	return d
}

func (f *fleet) flush() {
	if last := f.last.Load(); last != nil {
		last.Destroy() // it may have left the cache to make room
	}
	f.Store.gate.Reset()
}
