package keycache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"go.opentelemetry.io/otel/trace"
)

// generate makes a data key.
func (k *key) generate(ctx context.Context, parent trace.SpanContext) (*dataKey, error) {
	secret, r, asked, err := k.mint(ctx, parent)
	if err != nil {
		return nil, err
	}
	defer secret.Destroy()
	return k.newDataKey(secret, r, asked)
}

// mint has one KEK make and wrap a data key, and all others wrap it too, at the same
// time. Fewer than the quorum, or a denial by any, and it is thrown away unused. asked is when the first was asked.
func (k *key) mint(ctx context.Context, parent trace.SpanContext) (secret *hsm.Secret, r envelope.Record, asked time.Duration, err error) {
	if err := k.quorumShut(); err != nil {
		return nil, r, 0, err
	}
	asked = k.shared.now()
	secret, wraps, err := k.origin(ctx, parent)
	if err != nil {
		return nil, r, 0, err
	}
	began := k.shared.now()
	err = k.wrapByOthers(ctx, secret, wraps, parent)
	k.making.Leave(began, k.shared.now(), err, rand.Float64())
	if err == nil {
		r = k.recordOf(secret, wraps)
		err = checkNew(secret, r)
	}
	if err == nil {
		for _, c := range k.candidates(r.Wraps) {
			c.kek.vouch(proof{c.wrapped, r.Commitment}, asked)
		}
	}
	if err != nil {
		secret.Destroy()
		return nil, envelope.Record{}, 0, err
	}
	return secret, r, asked, nil
}

func (k *key) recordOf(secret *hsm.Secret, wraps [][]byte) (r envelope.Record) {
	secret.Expose(func(b []byte) { r.Commitment = envelope.Commitment(b) })
	for i, kk := range k.keks {
		if wraps[i] != nil {
			r.Wraps = append(r.Wraps, envelope.Wrap{ProviderID: kk.ProviderID, KEK: kk.ref, Wrapped: wraps[i]})
		}
	}
	return r
}

// quorumShut saves the call to one KEK when too many others are known not to
// answer, or have just failed to.
func (k *key) quorumShut() (err error) {
	if err := k.making.Shut(k.shared.now()); err != nil {
		return err
	}
	open := 0
	for _, kk := range k.keks {
		if e := kk.shut(generating, k.shared.now()); e == nil {
			open++
		} else if err == nil {
			err = e
		}
	}
	if open >= k.quorum {
		return nil
	}
	return err
}

// origin has the first KEK that answers make the data key, and returns its wrap
// at that KEK's place.
func (k *key) origin(ctx context.Context, parent trace.SpanContext) (secret *hsm.Secret, wraps [][]byte, err error) {
	wraps = make([][]byte, len(k.keks))
	var failed error
	for i, kk := range k.keks {
		err = k.shared.call(ctx, kk, generating, k.shared.timeout, parent, func(ctx context.Context) (err error) {
			secret, wraps[i], err = kk.Provider.GenerateDataKey(ctx, k.context)
			return err
		})
		if err == nil {
			return secret, wraps, nil
		}
		wraps[i] = nil
		if failed = graver(failed, err); !passesOn(err) {
			return nil, nil, err
		}
	}
	return nil, nil, failed
}

// wrapByOthers fills in the wraps that are missing, as far as the quorum asks.
func (k *key) wrapByOthers(ctx context.Context, secret *hsm.Secret, wraps [][]byte, parent trace.SpanContext) error {
	errs := make([]error, len(wraps))
	var wg sync.WaitGroup
	for i, kk := range k.keks {
		if wraps[i] != nil {
			continue
		}
		wg.Go(func() {
			errs[i] = k.shared.call(ctx, kk, wrapping, k.shared.timeout, parent, func(ctx context.Context) (err error) {
				wraps[i], err = kk.Provider.WrapDataKey(ctx, secret, k.context)
				return err
			})
		})
	}
	wg.Wait()
	got, failed := 0, error(nil)
	for i := range wraps {
		if errs[i] == nil {
			got++
			continue
		}
		wraps[i], failed = nil, gravest(failed, errs[i])
	}
	if failed == nil && len(k.away) > 0 {
		failed = k.away[0].Err
	}
	if got < k.quorum || failed != nil && hsm.ClassOf(failed) == hsm.Denied {
		return k.notWrapped(got, failed)
	}
	if failed != nil {
		k.stats.degraded.Add(1)
	}
	return nil
}

// notWrapped says that too few KEKs wrapped a new data key, or that one said no: the
// class is that of the gravest failure.
func (k *key) notWrapped(got int, failed error) error {
	e := &hsm.Error{Class: hsm.ClassOf(failed), Operation: "wrap",
		Err:  fmt.Errorf("%d of %d KEKs wrapped the new data key of key %q, quorum %d: %w", got, len(k.keks)+len(k.away), k.name, k.quorum, failed),
		Hint: "repair the KEK that fails, or lower the quorum"}
	if e.Class == hsm.Denied {
		e.Hint = "a denial by any KEK of a key stops the key: permit its use, or take it out of the policy"
	}
	return e
}

// gravest returns which of two failures decides what becomes of sealing: a denial before
// what only an operator can fix, and that before what may pass.
func gravest(x, y error) error {
	switch {
	case x == nil || hsm.ClassOf(y) == hsm.Denied:
		return y
	case !passesOn(x):
		return x
	case !passesOn(y):
		return y
	default:
		return graver(x, y)
	}
}

// checkNew refuses what a provider must not have returned, before anything is sealed under it.
func checkNew(secret *hsm.Secret, r envelope.Record) error {
	size := 0
	secret.Expose(func(b []byte) { size = len(b) })
	if size != hsm.DataKeySize {
		return &hsm.Error{Class: hsm.Unsupported, Operation: "generate", Err: fmt.Errorf("the data key has %d bytes, not %d", size, hsm.DataKeySize)}
	}
	if err := r.Check(); err != nil {
		return &hsm.Error{Class: hsm.Unsupported, Operation: "generate", Err: err}
	}
	return nil
}
