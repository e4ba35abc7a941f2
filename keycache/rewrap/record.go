package rewrap

import (
	"context"
	"slices"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"github.com/sealmesh/sealmesh/keycache/source"
)

// useName is the route of the key uses of a Rewrapper, and operation their
// operation.
const (
	useName   = "sealmesh.rewrap"
	operation = "rewrap"
)

// renewAndUse passes the renewed record of a data key to f, and records the use
// before anybody sees the result.
func (r *Rewrapper) renewAndUse(ctx context.Context, old *envelope.Record, f func(context.Context, envelope.Record) error) (fresh envelope.Record, err error) {
	err = r.cache.Use(useName, operation, r.key.Name, old.KeyID(), func() error {
		if fresh, err = r.renew(ctx, old); err != nil {
			return err
		}
		return f(ctx, fresh)
	})
	return fresh, err
}

// renew returns the record of a data key with the wraps that its owners ask
// for, each of them proven or new: a wrap that stays may be all that is left
// once another KEK is gone. Wraps of KEKs that nobody names or drops stay as
// they are.
func (r *Rewrapper) renew(ctx context.Context, old *envelope.Record) (envelope.Record, error) {
	secret, by, err := r.prove(ctx, old)
	if err != nil {
		return envelope.Record{}, err
	}
	defer secret.Destroy()
	fresh := envelope.Record{Commitment: old.Commitment}
	targets, dropped := r.wants(old.Wraps)
	for _, kk := range targets {
		w := kk.WrapIn(old.Wraps)
		switch {
		case r.renewal:
			w, err = wrapAgain(ctx, kk, secret, old.Commitment)
		case !kk.Same(by):
			w, err = wrap(ctx, kk, w, secret, old.Commitment)
		}
		if err != nil {
			return envelope.Record{}, err
		}
		fresh.Wraps = append(fresh.Wraps, *w)
	}
	fresh.Wraps = append(fresh.Wraps, kept(old.Wraps, fresh.Wraps, dropped)...)
	if err := fresh.Check(); err != nil {
		return envelope.Record{}, &hsm.Error{Class: hsm.Misconfigured, Operation: operation, Err: err}
	}
	return fresh, nil
}

// prove unwraps a record by the first KEK of the key that can, and returns that
// KEK.
func (r *Rewrapper) prove(ctx context.Context, old *envelope.Record) (*hsm.Secret, *keks.KEK, error) {
	var first error = &hsm.Error{Class: hsm.Corrupt, Operation: "unwrap", Err: keks.ErrNoWrap}
	for i, c := range r.key.KEKs.Candidates(old.Wraps) {
		secret, err := c.KEK.Unwrap(ctx, c.Wrapped, old.Commitment, keks.Unwrapping)
		if err == nil {
			return secret, c.KEK, nil
		}
		if i == 0 {
			first = err
		}
	}
	return nil, nil, first
}

// wrap returns kk's wrap of secret: w, if w is one, else a new one.
func wrap(ctx context.Context, kk *keks.KEK, w *envelope.Wrap, secret *hsm.Secret, commitment [32]byte) (*envelope.Wrap, error) {
	if w != nil {
		if err := kk.Opens(ctx, w.Wrapped, commitment, keks.Unwrapping); hsm.ClassOf(err) != hsm.Corrupt {
			return w, err
		}
	}
	return wrapNew(ctx, kk, secret)
}

// wrapAgain returns a new wrap of secret by kk's newest version. The wrap is
// proven, since it replaces one that opens.
func wrapAgain(ctx context.Context, kk *keks.KEK, secret *hsm.Secret, commitment [32]byte) (*envelope.Wrap, error) {
	w, err := wrapNew(ctx, kk, secret)
	if err != nil {
		return nil, err
	}
	return w, kk.Opens(ctx, w.Wrapped, commitment, keks.Unwrapping)
}

func wrapNew(ctx context.Context, kk *keks.KEK, secret *hsm.Secret) (*envelope.Wrap, error) {
	w, err := kk.Wrap(ctx, secret)
	return &w, err
}

// place puts the record into the key's store, if envelopes are to be by id. A
// record that is there already must be of the same data key. If it is outdated,
// it is replaced by one that keeps its other wraps too; otherwise it must open.
func (r *Rewrapper) place(ctx context.Context, fresh envelope.Record) error {
	if r.to != ByID {
		return nil
	}
	there, err := r.key.Store.Put(ctx, fresh)
	if err == nil && there.Commitment != fresh.Commitment {
		return &hsm.Error{Class: hsm.Corrupt, Provider: "store", Operation: "put", Err: source.ErrRecord}
	}
	if err == nil && r.status(there.Wraps) == Outdated {
		_, dropped := r.wants(there.Wraps)
		fresh.Wraps = append(slices.Clone(fresh.Wraps), kept(there.Wraps, fresh.Wraps, dropped)...)
		if err = fresh.Check(); err == nil {
			there, err = r.key.Store.Replace(ctx, there, fresh)
		}
	}
	if err != nil || equal(there, fresh) {
		return err
	}
	secret, _, err := r.prove(ctx, &there)
	if err == nil {
		secret.Destroy()
	}
	return err
}

// fetch returns what the store has for an id, nil where it has nothing.
func (r *Rewrapper) fetch(ctx context.Context, id envelope.KeyID) (*envelope.Record, error) {
	if there, ok := r.fetched.Get(id); ok {
		return there, nil
	}
	there, err := r.key.Store.LookUp(ctx, id)
	if err != nil {
		return nil, keycache.OpenError(r.key.Name, err)
	}
	r.fetched.Add(id, there)
	return there, nil
}
