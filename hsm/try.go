package hsm

import (
	"context"
	"math/rand/v2"
	"time"
)

// Callers of a proxy wait, so tries are few and close together. keycache gets
// through a long outage with cached data keys.
const (
	maxTries      = 3
	baseBackoff   = 50 * time.Millisecond
	maxBackoff    = 200 * time.Millisecond
	maxRetryAfter = time.Second
)

// Try calls try up to three times, until try returns again = false. Between two
// calls it waits a random time of at most 200 ms (full jitter), or at least
// after, the time that the back end asked for. If after is longer than a
// second, Try gives up. It returns the error of ctx if ctx ended the wait, and
// nil otherwise.
//
// Providers disable the retries of their SDK and use Try, so that every request
// counts against the caller's slots and is reported to [Observe].
func Try(ctx context.Context, try func() (again bool, after time.Duration)) error {
	for attempt := 1; ; attempt++ {
		again, after := try()
		if !again || attempt == maxTries || ctx.Err() != nil || after > maxRetryAfter {
			return nil
		}
		timer := time.NewTimer(max(rand.N(min(baseBackoff<<attempt, maxBackoff)), after))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
