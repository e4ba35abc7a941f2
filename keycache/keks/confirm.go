package keks

import (
	"context"
	"math"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
)

// To verify a KEK takes a wrap that the KEK has vouched for, of any data key.
// That costs one call per KEK and soft TTL, not one per data key. A record from
// which somebody removed the KEK's wrap evades nothing.

// A proof is a wrap that a KEK made or unwrapped.
type proof struct {
	wrapped    []byte
	commitment [32]byte
}

// A denial is how a KEK refused to unwrap a proof when it was verified.
type denial struct {
	err   error
	proof proof
	asked time.Duration // when
	until time.Duration // the KEK is not asked again before
}

// never is when a KEK vouched that has not vouched yet.
const never = math.MinInt64 / 2

// vouch notes that the KEK made or unwrapped a data key, having been asked at
// that moment.
func (kk *KEK) vouch(p proof, asked time.Duration) {
	kk.proof.Store(&p)
	kk.vouched.Store(int64(asked))
	kk.permit(asked)
}

// permit ends a denial, unless the KEK was asked before the denial: an answer
// that took long knows nothing of a later revocation.
func (kk *KEK) permit(asked time.Duration) {
	if d := kk.denied.Load(); d != nil && asked >= d.asked {
		kk.denied.CompareAndSwap(d, nil)
	}
}

// deny notes how verifying the KEK failed. Corrupt permits: a KEK that was
// revoked would not have read the wrap.
func (kk *KEK) deny(p proof, err error, asked, now time.Duration) {
	switch hsm.ClassOf(err) {
	case hsm.Denied:
		kk.denied.Store(&denial{err, p, asked, now + calls.DeniedFor})
	case hsm.Corrupt:
		kk.permit(asked)
	}
}

// vouchedLately reports whether the KEK need not be asked. Some data key of the
// key is verified again before that answer is a soft TTL old.
func (kk *KEK) vouchedLately() bool {
	return kk.denied.Load() == nil && kk.Now()-time.Duration(kk.vouched.Load()) < kk.Vouched
}

// Confirm asks every KEK that has not vouched lately, and returns the denial of
// a KEK that was revoked. r is the record of the data key that is being
// verified: a KEK that has vouched for nothing yet is asked with the wrap in r.
func (s *Set) Confirm(ctx context.Context, r envelope.Record) error {
	return s.confirm(ctx, func(kk *KEK) *proof {
		if p := kk.proof.Load(); p != nil {
			return p
		}
		if w := kk.WrapIn(r.Wraps); w != nil {
			return &proof{w.Wrapped, r.Commitment}
		}
		return nil
	})
}

// CheckRevoked returns the denial of a KEK that was revoked, and still is.
// Another KEK may unwrap, but does not speak for the revoked one.
func (s *Set) CheckRevoked(ctx context.Context) error {
	return s.confirm(ctx, func(kk *KEK) *proof {
		if d := kk.denied.Load(); d != nil {
			return &d.proof
		}
		return nil
	})
}

// confirm asks the KEKs for which with returns a proof, all at the same time.
func (s *Set) confirm(ctx context.Context, with func(*KEK) *proof) error {
	if len(s.KEKs) == 1 {
		return nil // it is asked with each data key's own wrap
	}
	var flights []*flight.Flight[struct{}]
	for i, kk := range s.KEKs {
		if kk.vouchedLately() {
			continue
		}
		if p := with(kk); p != nil {
			parent := trace.SpanContextFromContext(ctx)
			flights = append(flights, s.confirming.Join(flight.ID{byte(i)}, parent, func(ctx context.Context) (struct{}, error) {
				return struct{}{}, kk.confirm(ctx, *p)
			}))
		}
	}
	for _, f := range flights {
		if _, err := f.Wait(ctx); err != nil && hsm.ClassOf(err) == hsm.Denied {
			return err
		}
	}
	return nil
}

func (kk *KEK) confirm(ctx context.Context, p proof) error {
	if kk.vouchedLately() {
		return nil // the flight before this one asked
	}
	if d := kk.denied.Load(); d != nil && kk.Now() < d.until {
		return calls.Remembered(d.err)
	}
	return kk.Opens(ctx, p.wrapped, p.commitment, Verifying)
}
