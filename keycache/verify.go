package keycache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// verifyName is the route and direction of the key uses that Verify makes, and
// the tag of the value that it seals.
const verifyName = "sealmesh.verify"

// Verify proves the keys of those names, or every key if none is named. It gets
// a data key, wraps it by each KEK, unwraps it, and seals and opens one value
// with every suite that a tag uses. Its key uses are recorded like any other. A
// KEK without a clear answer is passed over while a quorum answers. The error
// joins one *Error for each key that fails.
func (c *Cache) Verify(ctx context.Context, names ...string) error {
	keys := c.sorted()
	errs := make([]error, len(keys))
	var wg sync.WaitGroup
	for i, k := range keys {
		if len(names) == 0 || slices.Contains(names, k.Name) {
			wg.Go(func() { errs[i] = c.verify(ctx, k) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (c *Cache) verify(ctx context.Context, k *key) error {
	if err := k.prove(ctx); err != nil {
		return &Error{Reason: reasonToSeal(err), Key: k.Name, Err: err}
	}
	if k.Use == hsm.OpenOnly && k.Pinned == nil {
		return nil
	}
	for _, s := range k.usedSuites() {
		if err := c.verifySuite(ctx, k, s); err != nil {
			return err
		}
	}
	return nil
}

// prove proves the store and the KEKs of k.
func (k *key) prove(ctx context.Context) error {
	if k.Store != nil {
		if err := k.Store.Verify(ctx); err != nil {
			return err
		}
	}
	if k.Use == hsm.OpenOnly && k.Pinned == nil {
		return k.KEKs.Describe(ctx) // no data key may be made to prove the KEKs with
	}
	d, err := k.MakeSuccessor(nil, trace.SpanContext{}).Wait(ctx)
	if err != nil || k.Use == hsm.SealOnly {
		return err
	}
	return k.KEKs.Prove(ctx, d.Record, k.Pinned != nil)
}

// verifySuite seals and opens a value through a session, as every value is.
func (c *Cache) verifySuite(ctx context.Context, k *key, id *suite.Suite) error {
	t := &Tag{name: verifyName, key: k, suite: id, fieldContext: []byte(verifyName)}
	s := c.Session(ctx, keyuse.Exchange{Route: verifyName, Direction: verifyName})
	value := []byte(time.Now().UTC().Format(time.RFC3339Nano))
	sealed, err := s.Seal(nil, t, codec.Text, value)
	if err == nil {
		var opened []byte
		if opened, _, err = s.Open(nil, t, sealed); err == nil && !bytes.Equal(opened, value) {
			err = &Error{Reason: KeyMisconfigured, Key: k.Name, Err: fmt.Errorf("suite %s: what was sealed opens to something else", id.Name)}
		}
	}
	return errors.Join(err, s.Close(err))
}
