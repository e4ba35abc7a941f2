package keycache

import (
	"context"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/flight"
)

// wait returns the outcome of f, or gives up when the session's context ends.
func (s *Session) wait(f *flight.Flight[*dataKey]) (*dataKey, error) {
	d, err := f.Wait(s.st.ctx)
	s.tick()
	return d, err
}

// fetch waits for the data key of h to be unwrapped.
func (s *Session) fetch(k *key, h *envelope.Header) (*dataKey, error) {
	k.countMiss(h.KeyID)
	by := s.allowance()
	for {
		f, err := k.fetch(h, by, s.st.parent)
		if err != nil {
			return nil, err
		}
		d, err := s.wait(f)
		if err != calls.ErrSpent || by.Spent(s.st.now) {
			return d, err
		}
		// It was begun by another caller, who had spent its allowance: once more, on ours.
	}
}

// allowance is what the session's caller may look for in vain.
func (s *Session) allowance() *calls.Allowance {
	return s.c.callers.of(s.st.exchange.Caller, s.st.now)
}

// settle decides whether d may serve, which it does at once within its soft TTL,
// and past it while the KMS owes an answer. For one that lay dormant, or is in doubt,
// it asks the KMS first, and takes a KMS that does not answer soon for one that is
// unavailable: for a while no other use waits for it, either. That excuses no data key
// that is in doubt.
func (s *Session) settle(k *key, d *dataKey) (cacheState, error) {
	if d.fresh(s.st.now) {
		return hit, nil
	}
	if d.serves(s.st.now) {
		return stale, nil
	}
	why := idle
	if d.standing.load() == doubted {
		why = unclear
	}
	k.stats.misses[why].Add(1)
	ctx, cancel := context.WithTimeout(s.st.ctx, staleWait)
	defer cancel()
	verifying := k.freshen(d, s.st.parent)
	if s.st.now < time.Duration(k.slowUntil.Load()) && d.standing.excuse() {
		return stale, nil
	}
	_, err := verifying.Wait(ctx)
	s.tick()
	switch {
	case err == nil:
		return miss, nil
	case s.st.ctx.Err() != nil:
		return miss, s.st.ctx.Err()
	case err == errEvicted || err == flight.ErrStopped || hsm.ClassOf(err) != hsm.Unavailable || !d.usable(s.st.now):
		return miss, err
	}
	if ctx.Err() != nil {
		k.slowUntil.Store(int64(s.st.now + min(slowFor, k.bounds.Soft)))
	}
	if !d.standing.excuse() {
		return miss, errDoubted
	}
	return stale, nil
}
