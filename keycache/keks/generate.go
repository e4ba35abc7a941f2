package keks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
)

// Generate lets one KEK make and wrap a data key, and all others wrap it too,
// at the same time. The data key is thrown away if fewer than the quorum
// wrapped it, or if any KEK denied. asked is when the first KEK was asked. The
// caller destroys the secret.
func (s *Set) Generate(ctx context.Context) (secret *hsm.Secret, r envelope.Record, asked time.Duration, err error) {
	if err := s.quorumShut(); err != nil {
		return nil, r, 0, err
	}
	asked = s.Now()
	d, err := s.origin(ctx)
	if err != nil {
		return nil, r, 0, err
	}
	began := s.Now()
	err = d.wrapByOthers(ctx)
	s.making.Leave(began, s.Now(), err, rand.Float64())
	if err == nil {
		r = d.record()
		err = checkNew(d.secret, r)
	}
	if err != nil {
		d.secret.Destroy()
		return nil, envelope.Record{}, 0, err
	}
	for _, c := range s.Candidates(r.Wraps) {
		c.KEK.vouch(proof{c.Wrapped, r.Commitment}, asked)
	}
	return d.secret, r, asked, nil
}

// A draft is a new data key, with its wraps so far: that of each KEK at the
// index of the KEK, nil where it has not wrapped.
type draft struct {
	*Set
	secret *hsm.Secret
	wraps  []*envelope.Wrap
}

func (d *draft) record() (r envelope.Record) {
	d.secret.Expose(func(b []byte) { r.Commitment = envelope.Commitment(b) })
	for _, w := range d.wraps {
		if w != nil {
			r.Wraps = append(r.Wraps, *w)
		}
	}
	return r
}

// quorumShut saves the call to one KEK when too many others are known not to
// answer, or have just failed to.
func (s *Set) quorumShut() (err error) {
	if err := s.making.Shut(s.Now()); err != nil {
		return err
	}
	open := 0
	for _, kk := range s.KEKs {
		if e := kk.shut(Generating, s.Now()); e == nil {
			open++
		} else if err == nil {
			err = e
		}
	}
	if open >= s.Quorum {
		return nil
	}
	return err
}

// origin lets the first KEK that answers make and wrap the data key.
func (s *Set) origin(ctx context.Context) (*draft, error) {
	d := &draft{Set: s, wraps: make([]*envelope.Wrap, len(s.KEKs))}
	var failed error
	for i, kk := range s.KEKs {
		secret, wrapped, err := kk.generate(ctx)
		if err == nil {
			d.secret, d.wraps[i] = secret, &envelope.Wrap{ProviderID: kk.ProviderID, KEK: kk.ref, Wrapped: wrapped}
			return d, nil
		}
		if failed = clearer(failed, err); !passing(err) {
			return nil, err
		}
	}
	return nil, failed
}

// wrapByOthers fills in the wraps that are missing. It fails below the quorum,
// and if any KEK denied.
func (d *draft) wrapByOthers(ctx context.Context) error {
	errs := make([]error, len(d.wraps))
	var wg sync.WaitGroup
	for i, kk := range d.KEKs {
		if d.wraps[i] != nil {
			continue
		}
		wg.Go(func() {
			var w envelope.Wrap
			if w, errs[i] = kk.Wrap(ctx, d.secret); errs[i] == nil {
				d.wraps[i] = &w
			}
		})
	}
	wg.Wait()
	got, failed := 0, error(nil)
	for _, err := range errs {
		if err == nil {
			got++
		} else {
			failed = gravest(failed, err)
		}
	}
	if failed == nil && len(d.Unavailable) > 0 {
		failed = d.Unavailable[0].Err
	}
	if got < d.Quorum || failed != nil && hsm.ClassOf(failed) == hsm.Denied {
		return d.notWrapped(got, failed)
	}
	if failed != nil {
		d.degraded.Add(1)
	}
	return nil
}

// notWrapped says that too few KEKs wrapped a new data key, or that one denied.
// The class is that of the gravest failure.
func (d *draft) notWrapped(got int, failed error) error {
	e := &hsm.Error{Class: hsm.ClassOf(failed), Operation: "wrap",
		Err:  fmt.Errorf("%d of %d KEKs wrapped the new data key of key %q, quorum %d: %w", got, len(d.KEKs)+len(d.Unavailable), d.key, d.Quorum, failed),
		Hint: "repair the KEK that fails, or lower the quorum"}
	if e.Class == hsm.Denied {
		e.Hint = "a denial by any KEK of a key stops the key: permit its use, or take it out of the policy"
	}
	return e
}

// checkNew refuses what a provider must not have returned, before anything is
// sealed under it.
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

// NewRecord makes the data key of a pinned key: the first KEK generates it and
// all others wrap it too. It returns nothing but the record, in text form, for
// [hsm.Key.Record]. There is no quorum: a data key that is made once is wrapped
// by every KEK, or not made.
func NewRecord(ctx context.Context, ec hsm.EncryptionContext, keks ...hsm.KEK) ([]byte, error) {
	if len(keks) == 0 {
		return nil, errors.New("new record: name at least one KEK")
	}
	secret, wrapped, err := keks[0].Provider.GenerateDataKey(ctx, ec)
	if err != nil {
		return nil, err
	}
	defer secret.Destroy()
	var r envelope.Record
	secret.Expose(func(b []byte) { r.Commitment = envelope.Commitment(b) })
	for i, kk := range keks {
		if i > 0 {
			if wrapped, err = kk.Provider.WrapDataKey(ctx, secret, ec); err != nil {
				return nil, err
			}
		}
		r.Wraps = append(r.Wraps, envelope.Wrap{ProviderID: kk.ProviderID, KEK: kk.Ref(), Wrapped: wrapped})
	}
	if err := checkNew(secret, r); err != nil {
		return nil, err
	}
	return envelope.AppendRecordText(nil, r), nil
}
