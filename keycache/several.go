package keycache

import (
	"context"
	"math"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
	"go.opentelemetry.io/otel/trace"
)

// Several KEKs of one key. Each wraps every data key, and whichever answers opens it: a
// KEK that gives no clear answer is passed over. A denial is an answer, whichever KEK
// gives it: who revokes one of several KEKs ends the key here. So all of them are
// verified within the soft TTL, and not only the one that opens.
//
// To verify a KEK takes a wrap that it has vouched for, of any data key. That costs one
// call per KEK and soft TTL, not one per data key, and a record that somebody stripped
// of a KEK's wrap evades nothing.

// A proof is a wrap that a KEK made or unwrapped.
type proof struct {
	wrapped    []byte
	commitment [32]byte
}

// A denial is what a KEK said of a wrap of ours when it was verified.
type denial struct {
	err   error
	proof proof
	asked time.Duration // when
	until time.Duration // it is not asked again before
}

// never is when a KEK vouched that has not yet.
const never = math.MinInt64 / 2

// vouch notes that kk made or unwrapped a data key, having been asked at that moment.
func (kk *kek) vouch(p proof, asked time.Duration) {
	kk.proof.Store(&p)
	kk.vouched.Store(int64(asked))
	kk.permit(asked)
}

// permit ends a denial, unless kk was asked before it: an answer that took long knows
// nothing of a revocation since.
func (kk *kek) permit(asked time.Duration) {
	if d := kk.denied.Load(); d != nil && asked >= d.asked {
		kk.denied.CompareAndSwap(d, nil)
	}
}

// deny notes how verifying kk failed. What is corrupt, a KEK that was revoked would not have read.
func (kk *kek) deny(p proof, err error, asked, now time.Duration) {
	switch hsm.ClassOf(err) {
	case hsm.Denied:
		kk.denied.Store(&denial{err, p, asked, now + calls.DeniedFor})
	case hsm.Corrupt:
		kk.permit(asked)
	}
}

// confirm has every KEK of k vouch that has not lately, and returns the denial of one
// that was revoked. wraps are of the data key that is verified: a KEK that has vouched
// for nothing yet is asked with those.
func (k *key) confirm(ctx context.Context, wraps []envelope.Wrap, commitment [32]byte, parent trace.SpanContext) error {
	return k.confirmThose(ctx, parent, func(kk *kek) (p *proof) {
		if p = kk.proof.Load(); p != nil {
			return p
		}
		for _, c := range k.candidates(wraps) {
			if c.kek == kk {
				return &proof{c.wrapped, commitment}
			}
		}
		return nil
	})
}

// revoked returns the denial of a KEK that was revoked, and is still: another one may
// unwrap, but does not speak for it.
func (k *key) revoked(ctx context.Context, parent trace.SpanContext) error {
	return k.confirmThose(ctx, parent, func(kk *kek) *proof {
		if d := kk.denied.Load(); d != nil {
			return &d.proof
		}
		return nil
	})
}

// confirmThose asks the KEKs for which with returns a proof, all at the same time.
func (k *key) confirmThose(ctx context.Context, parent trace.SpanContext, with func(*kek) *proof) error {
	if len(k.keks) == 1 {
		return nil // it is asked with each data key's own wrap
	}
	var flights []*flight.Flight[*dataKey]
	for i, kk := range k.keks {
		if kk.vouchedLately(k) {
			continue
		}
		if p := with(kk); p != nil {
			flights = append(flights, k.flights.Join(confirmingFlight(i), parent, func(ctx context.Context) (*dataKey, error) {
				return nil, k.confirmOne(ctx, kk, *p, parent)
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

// confirmingFlight is the id under which a KEK is asked. It is no SHA-256 that anybody can make.
func confirmingFlight(i int) (f flight.ID) {
	f[0], f[31] = byte(i), 2
	return f
}

func (k *key) confirmOne(ctx context.Context, kk *kek, p proof, parent trace.SpanContext) error {
	if kk.vouchedLately(k) {
		return nil // the flight before this one asked
	}
	if d := kk.denied.Load(); d != nil && k.shared.now() < d.until {
		return calls.Remembered(d.err)
	}
	secret, err := k.unwrapBy(ctx, candidate{kk, p.wrapped}, p.commitment, verifying, k.shared.timeout, parent)
	if err == nil {
		secret.Destroy()
	}
	return err
}

// vouchedLately reports whether kk has vouched so lately that it will be asked again before
// that is a soft TTL ago: some data key of k is verified by then.
func (kk *kek) vouchedLately(k *key) bool {
	if kk.denied.Load() != nil {
		return false
	}
	soft := k.bounds.Soft
	return k.shared.now()-time.Duration(kk.vouched.Load()) < soft-verifyAt(soft, k.shared.timeout, 1)
}
