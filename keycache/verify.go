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
			return k.errorToSeal(err)
		}
	}
	if k.use == hsm.OpenOnly && k.pinned == nil {
		return k.errorToSeal(k.keks.Describe(ctx))
	}
	d, err := k.succeed(nil, trace.SpanContext{}).Wait(ctx)
	if err != nil {
		return k.errorToSeal(err)
	}
	if k.use != hsm.SealOnly {
		if err := k.keks.Prove(ctx, d.recordOf(), k.pinned != nil); err != nil {
			return k.errorToSeal(err)
		}
	}
	for _, s := range k.usedSuites() {
		if err := c.verifySuite(ctx, k, s); err != nil {
			return err
		}
	}
	return nil
}

// errorToSeal returns the *Error for a failure to seal, nil for nil.
func (k *key) errorToSeal(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Reason: reasonToSeal(err), Key: k.name, Err: err}
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
