package hsm

import (
	"context"
	"math/rand/v2"
	"time"
)

// A proxy has callers waiting: it tries little and soon, and leaves waiting out
// a long outage to keycache, which serves from what it has.
const (
	maxTries      = 3
	baseBackoff   = 50 * time.Millisecond
	maxBackoff    = 200 * time.Millisecond
	maxRetryAfter = time.Second
)

// Try calls try up to three times, until it says that another try cannot help.
// Between two tries it waits with full jitter, for no longer than 200 ms, or for
// as long as the back end asked, after, if that is a second at most. It returns
// the error of ctx where that ended the wait, and nil otherwise.
//
// Providers turn their SDK's own retries off and use Try, so that every request
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
