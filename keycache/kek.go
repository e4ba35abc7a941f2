package keycache

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"go.opentelemetry.io/otel/trace"
)

// An operation is what a provider is asked to do.
type operation uint8

const (
	generating operation = iota
	wrapping
	unwrapping // for an envelope that came by
	verifying  // unwrapping once more, to verify
	operations
)

// Names as metrics show them: to verify is to unwrap.
var operationNames = [operations]string{"generate", "wrap", "unwrap", "verify"}

// A kek is one KEK of one key, with what is known of its health. The same KEK
// under another key is another kek: the contexts, and so the permissions, differ.
type kek struct {
	hsm.KEK
	key   string // its name
	ref   [4]byte
	slots calls.Slots
	gate  calls.Gate
	calls [operations]calls.Counter
	last  atomic.Pointer[calls.Last]

	// What is known of a revocation, see several.go.
	proof   atomic.Pointer[proof]  // what it vouched for last
	vouched atomic.Int64           // when it was asked for that, as moments of a dataKey
	denied  atomic.Pointer[denial] // nil while it vouches
}

func newKEK(kk hsm.KEK, key string, parallel int) *kek {
	k := &kek{KEK: kk, key: key, ref: kk.Ref(), slots: calls.NewSlots(parallel)}
	k.vouched.Store(never)
	return k
}

// call asks the KMS behind kk, unless its gate is shut. It waits for a slot first.
func (e *shared) call(ctx context.Context, kk *kek, op operation, timeout time.Duration, parent trace.SpanContext, ask func(context.Context) error) error {
	if err := kk.shut(op, e.now()); err != nil {
		return err
	}
	release, err := kk.slots.Take(ctx, op == unwrapping)
	if err != nil {
		return err
	}
	defer release()
	began := e.now()
	if err := calls.CheckAllowance(ctx, began); err != nil {
		return err
	}
	if err := kk.enter(op, began, timeout); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(e.observe(ctx, kk.key, parent), timeout)
	defer cancel()
	err = ask(bounded)
	now := e.now()
	if ctx.Err() == nil { // else it was the caller who cut it short
		kk.gate.Leave(began, now, ofKEK(op, err), rand.Float64())
	}
	kk.calls[op].Add(now-began, err)
	kk.last.Store(&calls.Last{Operation: operationNames[op], At: time.Now(), Err: err})
	return err
}

// errOfRecord stands for an answer that says more of a record than of a KEK.
var errOfRecord = &hsm.Error{Class: hsm.Corrupt, Operation: "unwrap", Err: errors.New("the answer may be to the record alone")}

// ofKEK returns what err says of the KEK. An unclear answer to a record that a
// stranger may have made shuts out nobody else.
func ofKEK(op operation, err error) error {
	if op == unwrapping && err != nil && hsm.ClassOf(err) == hsm.Unclear {
		return errOfRecord
	}
	return err
}

func (kk *kek) shut(op operation, now time.Duration) error {
	if err := kk.gate.Shut(now); err != nil && !mayPass(op, err) {
		return err
	}
	return nil
}

func (kk *kek) enter(op operation, now, patience time.Duration) error {
	if err := kk.gate.Enter(now, patience); err != nil && !mayPass(op, err) {
		return err
	}
	return nil
}

// mayPass says that a cached key is verified even while the KEK is remembered as
// denied: only an answer of its own evicts it, and to ask costs one call per
// soft TTL, storm or not.
func mayPass(op operation, shut error) bool {
	return op == verifying && hsm.ClassOf(shut) == hsm.Denied
}
