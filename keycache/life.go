package keycache

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"go.opentelemetry.io/otel/trace"
)

// The life of an unwrapped data key, whether it seals, opens or both:
//
//	unwrapped ──(ahead of soft, see verifyAt)──> unwrapped again, in the background ──> …
//	    │                             │ unavailable: tried again with back-off, serves to hard
//	    │                             │ unclear: tried again with back-off, serves to soft
//	    │                             └ denied, or any other answer: evicted at once
//	    ├─(not used for hard)──> evicted
//	    └─(hard TTL)──> evicted
//
// Past soft a data key is stale: the KMS was asked in time, and has not answered. It
// serves until the KMS does, so a KMS that is slow or unavailable keeps nobody waiting.
// Once an answer was unclear, though, it may be a refusal, and past soft each use asks
// first. So a revocation takes effect within soft, or as soon as the KMS says so; an
// outage is survived for hard; and a data key costs one call per soft TTL however much
// it is used, none once it has not been used for hard.
//
// Data keys that nobody uses in between are verified alike, within an allowance (see
// idleRate). One that goes without lies dormant: past soft, its next use asks the KMS first.

// verified starts d's bounds anew, from the moment when the KMS was asked: what
// it knew then, it vouched for. A KMS that took longer than soft has d served as stale,
// and is asked again. It reports whether d still lives.
func (d *dataKey) verified(asked time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return false
	}
	soft := d.terms.soft
	now := d.terms.now()
	d.attempted, d.failures = asked, 0
	d.standing.set(vouched)
	if now >= asked+soft {
		d.standing.set(unanswered)
	}
	d.deadAt.Store(int64(asked + d.terms.hard))
	d.freshUntil.Store(int64(asked + soft))
	d.schedule(now, asked+verifyAt(soft, d.terms.timeout, rand.Float64()))
	return true
}

// schedule has tick called at a moment, at the latest when d dies. It is called with d.mu held.
func (d *dataKey) schedule(now, at time.Duration) {
	wait := min(at, time.Duration(d.deadAt.Load())) - now
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, func() { d.terms.spawn(d.tick) })
		return
	}
	d.timer.Reset(wait)
}

// scheduleAt is schedule without the lock held, for a d that still lives.
func (d *dataKey) scheduleAt(now, at time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dead {
		d.schedule(now, at)
	}
}

// tick does what is due: it has d verified, lets it lie dormant, or evicts it.
func (d *dataKey) tick() {
	now := d.terms.now()
	switch {
	case !d.usable(now):
		d.terms.evict(d, expired)
	case d.terms.inFlight(d.sum):
		// A call that took long may have set the timer in the moment before it ends, and
		// to join it would be to ask nobody.
		d.scheduleAt(now, now+landing)
	case d.due(now):
		d.terms.verify(d)
	case d.unusedFor(now) >= d.terms.hard:
		d.terms.evict(d, idle)
	}
}

// due reports whether d is to be verified now. If not, it lies dormant.
func (d *dataKey) due(now time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return false
	}
	// A call that failed was paid for when d was due, and the gates bound those that follow.
	if d.lastUse.Load() > int64(d.attempted) || d.failures > 0 || d.mayIdle(now) {
		return true
	}
	d.standing.rest()
	d.schedule(now, time.Duration(d.deadAt.Load()))
	return false
}

// mayIdle reports whether d, which nobody used since it was verified, is verified all
// the same.
func (d *dataKey) mayIdle(now time.Duration) bool {
	return d.terms.keepIdle && d.unusedFor(now) < d.terms.hard && d.terms.idling.Take(now)
}

func (d *dataKey) unusedFor(now time.Duration) time.Duration {
	return now - time.Duration(d.lastUse.Load())
}

// refresh has the KMS vouch for d again.
func (k *key) refresh(d *dataKey, parent trace.SpanContext) *flight.Flight[*dataKey] {
	return k.ask(d, parent, func() bool { return false })
}

// freshen is refresh for a d past its soft TTL. Between the look that found it
// so and here, another flight may have landed: it is not asked for twice.
func (k *key) freshen(d *dataKey, parent trace.SpanContext) *flight.Flight[*dataKey] {
	return k.ask(d, parent, func() bool { return d.fresh(k.shared.now()) })
}

func (k *key) ask(d *dataKey, parent trace.SpanContext, enough func() bool) *flight.Flight[*dataKey] {
	return k.flights.Join(d.sum, parent, func(ctx context.Context) (*dataKey, error) {
		if enough() {
			return d, nil
		}
		if err := k.verifyAgain(ctx, d, parent); err != nil {
			return nil, err
		}
		return d, nil
	})
}

func (k *key) verifyAgain(ctx context.Context, d *dataKey, parent trace.SpanContext) error {
	asked := k.shared.now()
	d.attempt(asked)
	if k.use == hsm.SealOnly {
		return k.supersede(ctx, d, parent)
	}
	secret, err := k.keks.Unwrap(ctx, d.recordOf(), keks.Verifying)
	if err == nil {
		if err = k.keks.Confirm(ctx, d.recordOf()); err != nil {
			secret.Destroy()
		}
	}
	now := k.shared.now()
	switch {
	case err == nil:
		defer secret.Destroy()
		if err := d.makeCiphers(secret, now); err != nil {
			return k.notVerified(d, err)
		}
		if !d.verified(asked) {
			d.dropCiphers()
			return errEvicted
		}
		return nil
	default:
		return k.notVerified(d, err)
	}
}

// notVerified does what a KMS's answer other than the key asks for.
func (k *key) notVerified(d *dataKey, err error) error {
	switch hsm.ClassOf(err) {
	case hsm.Unavailable:
		d.standing.excuse()
		d.postpone(k.shared.now(), calls.WhileUnavailable)
		return err
	case hsm.Unclear:
		d.standing.set(doubted)
		d.postpone(k.shared.now(), calls.WhileUnclear)
		return err
	}
	k.remember(d.sum, err)
	k.evict(d, reasonOfEviction(err))
	return err
}

// supersede stands in for verifying d where this process may not unwrap: a KMS that
// makes a new data key vouches for the KEK as well. The new one seals from then on.
func (k *key) supersede(ctx context.Context, d *dataKey, parent trace.SpanContext) error {
	if _, err := k.succeed(d, parent).Wait(ctx); err != nil {
		return k.notVerified(d, err)
	}
	k.evict(d, superseded)
	return errEvicted
}

// attempt notes that the KMS is about to be asked. In time, before the soft TTL, d
// serves until there is an answer; past it, as long as there was none before.
func (d *dataKey) attempt(now time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempted = now
	if d.fresh(now) {
		d.standing.excuse()
	}
}

// postpone has d tried again after a pause.
func (d *dataKey) postpone(now time.Duration, b calls.Backoff) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return
	}
	wait := verifyPause(d.terms.soft) + b.Delay(d.failures, rand.Float64())
	d.failures++
	d.schedule(now, now+wait)
}

// retire ends d for whoever holds it from value to value: a session's next value
// takes another data key, since nobody verifies or flushes this one any more. Only
// who waited for d may still use it, once: under more misses than the cache has room
// for, each would otherwise wait for ever.
func (d *dataKey) retire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	d.timer.Stop()
	d.freshUntil.Store(0)
	d.deadAt.Store(0)
}

// kill ends d: no use of it begins any more. Uses that have begun end with the
// cipher they hold, which the garbage collector frees with its key schedule.
func (d *dataKey) kill() {
	d.retire()
	d.dropCiphers()
}

func (d *dataKey) dropCiphers() {
	for i := range d.ciphers {
		d.ciphers[i].Store(nil)
	}
}
