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
// calls it waits a random time of at most 200 ms (full jitter). If the back end
// asked for a longer pause, after is that pause, and Try waits that long. If
// after is more than a second, Try gives up. It returns the error of ctx if ctx
// ended a wait, and nil otherwise, even if the last try failed.
//
// Providers disable the retries of their SDK and use Try, so that they can
// report every request to [Observe].
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
