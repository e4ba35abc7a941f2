package keks

import (
	"context"
	"crypto/subtle"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
)

// An Operation is what a provider is asked to do.
type Operation uint8

// The operations of a provider.
const (
	Generating Operation = iota
	Wrapping
	Unwrapping // for an envelope
	Verifying  // unwrapping again, to learn whether the KEK still permits it
	operations
)

var operationNames = [operations]string{"generate", "wrap", "unwrap", "verify"}

var errCommitment = errors.New("the unwrapped data key does not match the record's commitment")

// A KEK is one KEK of one key, with what is known of its health. The same KEK
// under another key is another KEK here: the contexts, and so the permissions,
// differ. Safe for concurrent use.
type KEK struct {
	hsm.KEK
	*settings
	ref   [4]byte
	slots calls.Slots
	gate  calls.Gate
	calls [operations]calls.Counter
	last  atomic.Pointer[calls.Last]

	// What is known of a revocation, see confirm.go.
	proof   atomic.Pointer[proof]  // the last wrap that the KEK vouched for
	vouched atomic.Int64           // when the KEK was asked for that, as Options.Now
	denied  atomic.Pointer[denial] // nil while the KEK vouches
}

func newKEK(kk hsm.KEK, s *settings) *KEK {
	k := &KEK{KEK: kk, settings: s, ref: kk.Ref(), slots: calls.NewSlots(s.Parallel)}
	k.vouched.Store(never)
	return k
}

// WrapIn returns the wrap among wraps that the KEK made, or nil.
func (kk *KEK) WrapIn(wraps []envelope.Wrap) *envelope.Wrap {
	for i := range wraps {
		if kk.Made(wraps[i]) {
			return &wraps[i]
		}
	}
	return nil
}

// Made reports whether the KEK made w.
func (kk *KEK) Made(w envelope.Wrap) bool { return w.ProviderID == kk.ProviderID && w.KEK == kk.ref }

// Same reports whether two keys name one KEK, by whichever URI.
func (kk *KEK) Same(other *KEK) bool { return kk.ProviderID == other.ProviderID && kk.ref == other.ref }

// Reference returns the five bytes by which a record names the KEK.
func (kk *KEK) Reference() []byte { return append([]byte{kk.ProviderID}, kk.ref[:]...) }

// Wrap returns a new wrap of a data key, by the KEK's newest version.
func (kk *KEK) Wrap(ctx context.Context, secret *hsm.Secret) (w envelope.Wrap, err error) {
	w = envelope.Wrap{ProviderID: kk.ProviderID, KEK: kk.ref}
	err = kk.call(ctx, Wrapping, kk.Timeout, func(ctx context.Context) (err error) {
		w.Wrapped, err = kk.Provider.WrapDataKey(ctx, secret, kk.Context)
		return err
	})
	return w, err
}

func (kk *KEK) generate(ctx context.Context) (secret *hsm.Secret, wrapped []byte, err error) {
	err = kk.call(ctx, Generating, kk.Timeout, func(ctx context.Context) (err error) {
		secret, wrapped, err = kk.Provider.GenerateDataKey(ctx, kk.Context)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return secret, wrapped, nil
}

// Unwrap returns the data key in a wrap that the KEK made. The data key matches
// commitment: one envelope never opens to two values for two readers. op is
// Unwrapping, or Verifying. The caller destroys the secret.
func (kk *KEK) Unwrap(ctx context.Context, wrapped []byte, commitment [32]byte, op Operation) (*hsm.Secret, error) {
	return kk.unwrap(ctx, wrapped, commitment, op, kk.Timeout)
}

// Opens proves that a wrap that the KEK made unwraps to the data key of that
// commitment. Errors are those of [KEK.Unwrap].
func (kk *KEK) Opens(ctx context.Context, wrapped []byte, commitment [32]byte, op Operation) error {
	secret, err := kk.Unwrap(ctx, wrapped, commitment, op)
	if err == nil {
		secret.Destroy()
	}
	return err
}

func (kk *KEK) unwrap(ctx context.Context, wrapped []byte, commitment [32]byte, op Operation, timeout time.Duration) (*hsm.Secret, error) {
	var secret *hsm.Secret
	asked := kk.Now()
	err := kk.call(ctx, op, timeout, func(ctx context.Context) (err error) {
		secret, err = kk.Provider.UnwrapDataKey(ctx, wrapped, kk.Context)
		return err
	})
	if err != nil {
		if op == Verifying {
			kk.deny(proof{wrapped, commitment}, err, asked, kk.Now())
		}
		return nil, err
	}
	if !matches(secret, commitment) {
		secret.Destroy()
		return nil, &hsm.Error{Class: hsm.Corrupt, Provider: kk.Kind, Operation: "unwrap", KeyID: kk.Identity, Err: errCommitment}
	}
	kk.vouch(proof{wrapped, commitment}, asked)
	return secret, nil
}

// matches compares the whole commitment.
func matches(secret *hsm.Secret, commitment [32]byte) (ok bool) {
	secret.Expose(func(b []byte) {
		got := envelope.Commitment(b)
		ok = len(b) == hsm.DataKeySize && subtle.ConstantTimeCompare(got[:], commitment[:]) == 1
	})
	return ok
}

// call asks the provider, unless the KEK's gate is shut. It waits for a slot
// first.
func (kk *KEK) call(ctx context.Context, op Operation, timeout time.Duration, ask func(context.Context) error) error {
	if err := kk.shut(op, kk.Now()); err != nil {
		return err
	}
	release, err := kk.slots.Take(ctx, op == Unwrapping)
	if err != nil {
		return err
	}
	defer release()
	began := kk.Now()
	if err := calls.CheckAllowance(ctx, began); err != nil {
		return err
	}
	if err := kk.enter(op, began, timeout); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(kk.observe(ctx), timeout)
	defer cancel()
	err = ask(bounded)
	now := kk.Now()
	if ctx.Err() == nil { // otherwise the caller cut the call short
		kk.gate.Leave(began, now, aboutKEK(op, err), rand.Float64())
	}
	kk.calls[op].Add(now-began, err)
	kk.last.Store(&calls.Last{Operation: operationNames[op], At: time.Now(), Err: err})
	return err
}

// errAboutRecord replaces an answer that says more about a record than about a
// KEK.
var errAboutRecord = &hsm.Error{Class: hsm.Corrupt, Operation: "unwrap", Err: errors.New("the answer may be to the record alone")}

// aboutKEK returns what err says about the KEK. An unclear answer to a record
// that a stranger may have made shuts out nobody else.
func aboutKEK(op Operation, err error) error {
	if op == Unwrapping && err != nil && hsm.ClassOf(err) == hsm.Unclear {
		return errAboutRecord
	}
	return err
}

func (kk *KEK) shut(op Operation, now time.Duration) error {
	if err := kk.gate.Shut(now); err != nil && !mayPass(op, err) {
		return err
	}
	return nil
}

func (kk *KEK) enter(op Operation, now, patience time.Duration) error {
	if err := kk.gate.Enter(now, patience); err != nil && !mayPass(op, err) {
		return err
	}
	return nil
}

// mayPass reports whether op is tried in spite of a shut gate. A cached data
// key is verified even while the KEK is remembered as denied: only an answer of
// its own evicts the data key, and asking costs one call per soft TTL.
func mayPass(op Operation, shut error) bool {
	return op == Verifying && hsm.ClassOf(shut) == hsm.Denied
}
