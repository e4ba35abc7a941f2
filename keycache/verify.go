package keycache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"go.opentelemetry.io/otel/trace"
)

// verifyName is the route and direction of the key uses that Verify makes, and
// the tag of the value that it seals.
const verifyName = "sealmesh.verify"

// Verify proves the keys of those names, or every key where none is named: generates
// or loads a data key, wraps it under each KEK, unwraps it, and seals and opens one value
// with every suite that a tag uses. Its key uses are recorded like any other. A KEK that
// gives no clear answer is passed over while a quorum does. The error joins one *Error for
// each key that fails.
func (c *Cache) Verify(ctx context.Context, names ...string) error {
	keys := c.sorted()
	errs := make([]error, len(keys))
	var wg sync.WaitGroup
	for i, k := range keys {
		if len(names) == 0 || slices.Contains(names, k.name) {
			wg.Go(func() { errs[i] = c.verify(ctx, k) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (c *Cache) verify(ctx context.Context, k *key) error {
	if k.shelf != nil {
		if err := k.shelf.verify(ctx); err != nil {
			return &Error{Reason: reasonToSeal(err), Key: k.name, Err: err}
		}
	}
	if k.use == hsm.OpenOnly && k.pinned == nil {
		return k.verifyByDescription(ctx)
	}
	d, err := k.succeed(nil, trace.SpanContext{}).Wait(ctx)
	if err != nil {
		return &Error{Reason: reasonToSeal(err), Key: k.name, Err: err}
	}
	if k.use != hsm.SealOnly {
		if err := k.verifyKEKs(ctx, d); err != nil {
			return err
		}
	}
	for _, s := range k.usedSuites() {
		if err := c.verifySuite(ctx, k, s); err != nil {
			return err
		}
	}
	return nil
}

// verifyByDescription asks each KEK what it is, where this process may not make a
// data key to prove it with. One that answers is enough, unless another says no.
func (k *key) verifyByDescription(ctx context.Context) error {
	answered := false
	var failed error
	for _, kk := range k.keks {
		var err error
		if about, ok := kk.Provider.(hsm.Describer); ok {
			_, err = about.Describe(ctx)
		}
		if err == nil {
			answered = true
		} else {
			failed = gravest(failed, err)
		}
	}
	if failed == nil || answered && hsm.ClassOf(failed) != hsm.Denied {
		return nil
	}
	return &Error{Reason: reasonToSeal(failed), Key: k.name, Err: failed}
}

// verifyKEKs unwraps d by each KEK that wrapped it.
func (k *key) verifyKEKs(ctx context.Context, d *dataKey) error {
	proven := 0
	var silent error
	for _, kk := range k.keks {
		err := k.verifyKEK(ctx, kk, d)
		switch {
		case err == nil:
			proven++
		case passesOn(err):
			silent = graver(silent, err)
		default:
			return &Error{Reason: reasonToSeal(err), Key: k.name, Err: fmt.Errorf("KEK %s: %w", kk.URI, err)}
		}
	}
	if proven < k.quorum && (k.pinned == nil || proven == 0) {
		return &Error{Reason: reasonToSeal(silent), Key: k.name, Err: fmt.Errorf("%d of %d KEKs unwrap the data key, quorum %d: %w", proven, len(k.keks), k.quorum, silent)}
	}
	return nil
}

func (k *key) verifyKEK(ctx context.Context, kk *kek, d *dataKey) error {
	for _, c := range k.candidates(d.wraps) {
		if c.kek != kk {
			continue
		}
		secret, err := k.unwrapBy(ctx, c, d.commitment, verifying, k.shared.timeout, trace.SpanContext{})
		if err == nil {
			secret.Destroy()
		}
		return err
	}
	if k.pinned != nil {
		return nil // whoever made the key chose who wraps it
	}
	// It did not wrap. How that ended is the answer.
	if last := kk.last.Load(); last != nil && last.Err != nil {
		return last.Err
	}
	return errNotWrapped
}

// verifySuite goes the way of every value, through a session.
func (c *Cache) verifySuite(ctx context.Context, k *key, id *suite.Suite) error {
	t := &Tag{name: verifyName, key: k, suite: id, fieldContext: []byte(verifyName)}
	s := c.Session(ctx, keyuse.Exchange{Route: verifyName, Direction: verifyName})
	value := []byte(time.Now().UTC().Format(time.RFC3339Nano))
	sealed, err := s.Seal(nil, t, codec.Text, value)
	if err == nil {
		var opened []byte
		if opened, _, err = s.Open(nil, t, sealed); err == nil && !bytes.Equal(opened, value) {
			err = &Error{Reason: KeyMisconfigured, Key: k.name, Err: fmt.Errorf("suite %s: what was sealed opens to something else", id.Name)}
		}
	}
	return errors.Join(err, s.Close(err))
}

func (k *key) usedSuites() []*suite.Suite {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.suites)
}
