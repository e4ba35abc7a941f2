package keycache

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"go.opentelemetry.io/otel/trace"
)

var (
	errNoWrap     = errors.New("the record holds no wrap by a KEK of this key")
	errCommitment = errors.New("the unwrapped data key does not match the record's commitment")
)

// A candidate is a wrap, and the configured KEK that it names.
type candidate struct {
	kek     *kek
	wrapped []byte
}

// candidates pairs wraps with the configured KEKs, in order of the KEKs, former targets
// of aliases last. What else a record names is ignored: nothing is discovered from an envelope.
func (k *key) candidates(wraps []envelope.Wrap) []candidate {
	var cs []candidate
	for _, kk := range k.unwrapping() {
		for _, w := range wraps {
			if w.ProviderID == kk.ProviderID && w.KEK == kk.ref {
				cs = append(cs, candidate{kk, w.Wrapped})
			}
		}
	}
	return cs
}

// unwrap returns the data key that wraps hold, from the first KEK that answers.
// Only one that gives no clear answer passes the question on: a denial is an answer.
// Where all do, the error is of one that was unclear, if any was.
func (k *key) unwrap(ctx context.Context, wraps []envelope.Wrap, commitment [32]byte, op operation, parent trace.SpanContext) (*hsm.Secret, error) {
	cs := k.candidates(wraps)
	if len(cs) == 0 {
		return nil, k.noWrap()
	}
	timeout := k.shared.timeout / time.Duration(len(cs))
	var failed error
	for _, c := range cs {
		secret, err := k.unwrapBy(ctx, c, commitment, op, timeout, parent)
		if err == nil {
			return secret, nil
		}
		failed = graver(failed, err)
		if !passesOn(err) {
			return nil, err
		}
	}
	return nil, failed
}

// passesOn reports whether another KEK is asked after one that failed so.
func passesOn(err error) bool {
	return hsm.ClassOf(err).Passing()
}

// graver returns which of two failures to get one answer says more: one that is
// unclear may be a refusal, and no other KEK's outage excuses it.
func graver(x, y error) error {
	if x != nil && hsm.ClassOf(x) == hsm.Unclear {
		return x
	}
	return y
}

// noWrap is what becomes of a record that no KEK here wrapped: forged, unless a KEK
// that is away may have.
func (k *key) noWrap() error {
	if len(k.away) == 0 {
		return &hsm.Error{Class: hsm.Corrupt, Operation: "unwrap", Err: errNoWrap,
			Hint: "it is forged, or its KEK is missing in the policy: `sealmesh inspect` shows references; of an alias that was pointed elsewhere, former= names the key that it stood for"}
	}
	return &hsm.Error{Class: hsm.Unavailable, Operation: "unwrap",
		Err: fmt.Errorf("%w, and %d more could not be opened: %v", errNoWrap, len(k.away), k.away[0].Err)}
}

func (k *key) unwrapBy(ctx context.Context, c candidate, commitment [32]byte, op operation, timeout time.Duration, parent trace.SpanContext) (*hsm.Secret, error) {
	var secret *hsm.Secret
	asked := k.shared.now()
	err := k.shared.call(ctx, c.kek, op, timeout, parent, func(ctx context.Context) (err error) {
		secret, err = c.kek.Provider.UnwrapDataKey(ctx, c.wrapped, k.context)
		return err
	})
	if err != nil {
		if op == verifying {
			c.kek.deny(proof{c.wrapped, commitment}, err, asked, k.shared.now())
		}
		return nil, err
	}
	if !matches(secret, commitment) {
		secret.Destroy()
		return nil, &hsm.Error{Class: hsm.Corrupt, Provider: c.kek.Kind, Operation: "unwrap", KeyID: c.kek.Identity, Err: errCommitment}
	}
	c.kek.vouch(proof{c.wrapped, commitment}, asked)
	return secret, nil
}

// matches compares the whole commitment, so that one envelope never opens to two
// values for two readers.
func matches(secret *hsm.Secret, commitment [32]byte) (ok bool) {
	secret.Expose(func(b []byte) {
		got := envelope.Commitment(b)
		ok = len(b) == hsm.DataKeySize && subtle.ConstantTimeCompare(got[:], commitment[:]) == 1
	})
	return ok
}
