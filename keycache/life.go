package keycache

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"go.opentelemetry.io/otel/trace"
)

// The life of an unwrapped data key, whether it seals, opens or both:
//
//	unwrapped ──(0.80–0.95 soft, in use)──> unwrapped again, in the background ──> …
//	    │                                     │ unavailable: tried again with back-off;
//	    │                                     │   past soft it is served as stale
//	    │                                     └ denied, or any other answer: evicted at once
//	    ├─(not in use)──> past soft the next use asks the KMS first
//	    └─(hard bound)──> evicted
//
// So a revocation takes effect within soft, an outage is survived for hard, and
// a data key costs one call per soft bound however much it is used, none if it is not.

// verified starts d's bounds anew, from the moment when the KMS was asked: what
// it knew then, it vouched for. It reports whether d still lives.
func (d *dataKey) verified(asked time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return false
	}
	soft := d.key.bounds.Soft
	d.attempted, d.failures = asked, 0
	d.lastUse.Store(int64(asked))
	d.deadAt.Store(int64(asked + d.key.bounds.Hard))
	d.freshUntil.Store(int64(asked + soft))
	d.failing.Store(false)
	d.schedule(d.key.cache.now(), asked+time.Duration((0.8+0.15*rand.Float64())*float64(soft)))
	return true
}

// schedule has tick called at a moment, at the latest when d dies. It is called with d.mu held.
func (d *dataKey) schedule(now, at time.Duration) {
	wait := min(at, time.Duration(d.deadAt.Load())) - now
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, func() { d.key.cache.spawn(d.tick) })
		return
	}
	d.timer.Reset(wait)
}

// tick does what is due: refresh a key in use, evict one at its hard bound, and
// leave one that nobody uses alone.
func (d *dataKey) tick() {
	now := d.key.cache.now()
	if !d.usable(now) {
		d.key.evict(d, expired)
		return
	}
	if d.due(now) {
		d.key.refresh(d, trace.SpanContext{})
	}
}

// due reports whether d lives and was used since the KMS was asked last. If not,
// it is left alone for as long as nobody uses it.
func (d *dataKey) due(now time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return false
	}
	if d.lastUse.Load() > int64(d.attempted) {
		return true
	}
	d.failing.Store(false) // the next use finds out how things are
	next := time.Duration(d.freshUntil.Load())
	if next <= now {
		next = time.Duration(d.deadAt.Load())
	}
	d.schedule(now, next)
	return false
}

// refresh has the KMS vouch for d again.
func (k *key) refresh(d *dataKey, parent trace.SpanContext) *flight {
	return k.ask(d, parent, func() bool { return false })
}

// freshen is refresh for a d past its soft bound. Between the look that found it
// so and here, another flight may have landed: it is not asked for twice.
func (k *key) freshen(d *dataKey, parent trace.SpanContext) *flight {
	return k.ask(d, parent, func() bool { return d.fresh(k.cache.now()) })
}

func (k *key) ask(d *dataKey, parent trace.SpanContext, enough func() bool) *flight {
	return k.cache.join(&k.flights, d.sum, func(ctx context.Context) (*dataKey, error) {
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
	asked := k.cache.now()
	d.attempt(asked)
	if k.use == hsm.SealOnly {
		return k.supersede(ctx, d, parent)
	}
	secret, err := k.unwrap(ctx, d.wraps, d.commitment, verifying, parent)
	now := k.cache.now()
	switch {
	case err == nil:
		defer secret.Destroy()
		if err := d.makeCiphers(secret, now); err != nil {
			return err
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
	if hsm.ClassOf(err) == hsm.Unavailable {
		d.postpone(k.cache.now())
		return err
	}
	k.remember(d.sum, err)
	k.evict(d, reasonOfEviction(err))
	return err
}

// supersede stands in for verifying d where this process may not unwrap: a KMS that
// makes a new data key vouches for the KEK as well. The new one seals from then on.
func (k *key) supersede(ctx context.Context, d *dataKey, parent trace.SpanContext) error {
	if _, err := k.succeed(d, parent).wait(ctx); err != nil {
		return k.notVerified(d, err)
	}
	k.evict(d, evicted)
	return errEvicted
}

func (d *dataKey) attempt(now time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempted = now
}

// postpone has d tried again after a back-off.
func (d *dataKey) postpone(now time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return
	}
	d.failing.Store(true)
	wait := providerBackoff.delay(d.failures, rand.Float64())
	d.failures++
	d.schedule(now, now+useGrain+wait) // within a grain it would pass for unused
}

// retire leaves d to those who hold it: it is not verified again.
func (d *dataKey) retire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	d.timer.Stop()
}

// kill ends d: no use of it begins any more. Uses that have begun end with the
// cipher they hold, which the garbage collector frees with its key schedule.
func (d *dataKey) kill() {
	d.retire()
	d.freshUntil.Store(0)
	d.deadAt.Store(0)
	d.dropCiphers()
}

func (d *dataKey) dropCiphers() {
	for i := range d.ciphers {
		d.ciphers[i].Store(nil)
	}
}
