package datakeys

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
)

const (
	// idleBurst and idleRate bound the calls that verify data keys which nobody
	// used since the last call: so many at once, and so many a second of one
	// process. At the default soft TTL that keeps about 260 idle data keys ready.
	// A fleet of 10,000 with as many each stays within 10,000 calls a second, the
	// lowest quota that AWS grants.
	idleBurst = 256
	idleRate  = 1
	// landing is longer than a flight takes to end once it has its answer.
	landing = 10 * time.Millisecond
	// verifyTries is how often a data key is verified before its soft TTL ends, if
	// the first tries fail: that many fit, each as long as a call may take.
	verifyTries = 3
)

// VerifyAt returns when a data key is verified, as a time since the KMS last
// vouched for it: early enough for all tries, at most half of soft. r, from [0,
// 1), spreads a fleet over the time from 0.8 soft to that moment, or over a
// tenth of soft at least.
func VerifyAt(soft, timeout time.Duration, r float64) time.Duration {
	tries := verifyTries * timeout
	for failures := range verifyTries - 1 {
		tries += verifyPause(soft) + calls.WhileUnavailable.Delay(failures, 1)
	}
	latest := soft - min(tries, soft/2)
	earliest := min(soft*8/10, latest-soft/10)
	return earliest + time.Duration(r*float64(latest-earliest))
}

// verifyPause is the least time between two tries.
func verifyPause(soft time.Duration) time.Duration { return min(time.Second, soft/20) }

// Verify asks the KMS to vouch for d again, and makes new ciphers in place of
// worn ones. parent is the span of the exchange that needs it, if any does.
func (s *Set) Verify(d *DataKey, parent trace.SpanContext) *flight.Flight[*DataKey] {
	return s.verifyUnless(d, parent, func() bool { return false })
}

// VerifyIfStale is Verify for a d past its soft TTL. Another flight may have
// landed since the caller looked: the KMS is not asked twice.
func (s *Set) VerifyIfStale(d *DataKey, parent trace.SpanContext) *flight.Flight[*DataKey] {
	return s.verifyUnless(d, parent, func() bool { return d.Fresh(s.Now()) })
}

func (s *Set) verifyUnless(d *DataKey, parent trace.SpanContext, enough func() bool) *flight.Flight[*DataKey] {
	return s.Flights.Join(d.Sum, parent, func(ctx context.Context) (*DataKey, error) {
		if enough() {
			return d, nil
		}
		if err := s.verify(ctx, d); err != nil {
			return nil, err
		}
		return d, nil
	})
}

func (s *Set) verify(ctx context.Context, d *DataKey) error {
	asked := s.Now()
	d.attempt(asked)
	secret, err := s.Unwrap(ctx, d)
	if err == nil {
		defer secret.Destroy()
		err = d.makeCiphers(secret, s.Now())
	}
	if err != nil {
		return s.notVerified(d, err)
	}
	if !d.verified(asked) {
		d.dropCiphers()
		return ErrEvicted
	}
	return nil
}

// notVerified does what an answer asks for that is not the data key.
func (s *Set) notVerified(d *DataKey, err error) error {
	if errors.Is(err, ErrSuperseded) {
		s.evict(d, superseded)
		return ErrEvicted
	}
	switch hsm.ClassOf(err) {
	case hsm.Unavailable:
		d.standing.excuse()
		d.postpone(s.Now(), calls.WhileUnavailable)
	case hsm.Unclear:
		d.standing.set(doubted)
		d.postpone(s.Now(), calls.WhileUnclear)
	case hsm.Denied:
		s.evict(d, denied)
	default:
		s.evict(d, refused)
	}
	return err
}

// verified restarts d's TTLs from the moment when the KMS was asked: it vouched
// for what it knew then. If the KMS took longer than the soft TTL, d serves as
// stale, and the KMS is asked again. verified reports whether d is still alive.
func (d *DataKey) verified(asked time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return false
	}
	soft, now := d.set.Soft, d.set.Now()
	d.attempted, d.failures = asked, 0
	d.standing.set(vouched)
	if now >= asked+soft {
		d.standing.set(unanswered)
	}
	d.deadAt.Store(int64(asked + d.set.Hard))
	d.freshUntil.Store(int64(asked + soft))
	d.schedule(now, asked+VerifyAt(soft, d.set.Timeout, rand.Float64()))
	return true
}

// attempt notes that the KMS is about to be asked. If it is asked within the
// soft TTL, d serves until there is an answer. Past the soft TTL, d serves as
// long as there was no answer before.
func (d *DataKey) attempt(now time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempted = now
	if d.Fresh(now) {
		d.standing.excuse()
	}
}

// postpone lets d be verified again after a pause.
func (d *DataKey) postpone(now time.Duration, b calls.Backoff) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return
	}
	wait := verifyPause(d.set.Soft) + b.Delay(d.failures, rand.Float64())
	d.failures++
	d.schedule(now, now+wait)
}

// schedule sets the timer for tick: to that moment, or to d's death if that is
// earlier. It is called with d.mu held.
func (d *DataKey) schedule(now, at time.Duration) {
	wait := min(at, time.Duration(d.deadAt.Load())) - now
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, func() { d.set.Flights.Spawn(d.tick) })
		return
	}
	d.timer.Reset(wait)
}

// tick verifies d, lets it lie dormant, or evicts it.
func (d *DataKey) tick() {
	now := d.set.Now()
	switch {
	case !d.Usable(now):
		d.set.evict(d, expired)
	case d.set.Flights.Has(d.Sum):
		// A call that took long may have set the timer in the moment before it
		// ends, and to join it would ask nobody.
		d.scheduleAlive(now, now+landing)
	case d.verifyNow(now):
		d.set.Verify(d, trace.SpanContext{})
	case d.unusedFor(now) >= d.set.Hard:
		d.set.evict(d, idle)
	}
}

// scheduleAlive is schedule without the lock held, unless d is dead.
func (d *DataKey) scheduleAlive(now, at time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dead {
		d.schedule(now, at)
	}
}

// verifyNow reports whether d is verified now. If not, d lies dormant.
func (d *DataKey) verifyNow(now time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return false
	}
	// Retries are not charged to the allowance of idle data keys: gates limit
	// them.
	if d.lastUse.Load() > int64(d.attempted) || d.failures > 0 || d.mayIdle(now) {
		return true
	}
	d.standing.rest()
	d.schedule(now, time.Duration(d.deadAt.Load()))
	return false
}

// mayIdle reports whether d is verified although nobody used it.
func (d *DataKey) mayIdle(now time.Duration) bool {
	return d.set.KeepIdle && d.unusedFor(now) < d.set.Hard && d.set.Idle.Take(now)
}

// retire ends d for sessions that hold it from value to value: a session's next
// value takes another data key, since nobody verifies or flushes this one any
// more. Only a use that waited for d may still use it, once. Otherwise, with
// more misses than the cache has room for, each would wait for ever.
func (d *DataKey) retire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	d.timer.Stop()
	d.freshUntil.Store(0)
	d.deadAt.Store(0)
}

// Destroy ends d: no use of it begins any more. Uses that have begun end with
// the cipher they hold, which the garbage collector frees with its key
// schedule.
func (d *DataKey) Destroy() {
	d.retire()
	d.dropCiphers()
}
