package datakeys

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/flight"
)

const (
	// staleWait is how long the first use of a dormant data key waits for its KMS
	// past the soft TTL. A KMS that takes longer counts as unavailable, and the
	// data key serves as stale until the answer comes.
	staleWait = time.Second
	// slowFor is how long no further use waits then; at most a soft TTL, so that
	// the soft TTL holds for a revocation too.
	slowFor = 30 * time.Second
)

// An Access says how a use came by its data key. The highest one stands for
// several uses.
type Access uint8

// The ways to come by a data key.
const (
	None  Access = iota // the use failed before it asked for a data key
	Hit                 // the data key was there, and fresh
	Stale               // the data key was there, past its soft TTL
	Miss                // the use waited
	Accesses
)

// Serve reports how d may be used now. A fresh data key serves at once. A stale
// one serves while a verification is under way. A dormant one, or one in doubt,
// is verified first, for at most staleWait; a slow KMS then counts as
// unavailable for slowFor, so that no other use waits. That excuses no data key
// that is in doubt. The error is that of the KMS, of ctx, or [ErrEvicted].
func (s *Set) Serve(ctx context.Context, d *DataKey, now time.Duration, parent trace.SpanContext) (Access, error) {
	if d.Fresh(now) {
		return Hit, nil
	}
	if d.Serves(now) {
		return Stale, nil
	}
	why := idle
	if d.standing.load() == doubted {
		why = unclear
	}
	s.misses[why].Add(1)
	bounded, cancel := context.WithTimeout(ctx, staleWait)
	defer cancel()
	verifying := s.VerifyIfStale(d, parent)
	if now < time.Duration(s.slowUntil.Load()) && d.standing.excuse() {
		return Stale, nil
	}
	_, err := verifying.Wait(bounded)
	now = s.Now()
	switch {
	case err == nil:
		return Miss, nil
	case ctx.Err() != nil:
		return Miss, ctx.Err()
	case errors.Is(err, ErrEvicted) || errors.Is(err, flight.ErrStopped) || hsm.ClassOf(err) != hsm.Unavailable || !d.Usable(now):
		return Miss, err
	}
	if bounded.Err() != nil {
		s.slowUntil.Store(int64(now + min(slowFor, s.Soft)))
	}
	if !d.standing.excuse() {
		return Miss, errDoubted
	}
	return Stale, nil
}
