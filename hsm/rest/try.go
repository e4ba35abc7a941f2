package rest

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// A proxy has callers waiting: it tries little and soon, and leaves waiting out
// a long outage to keycache, which serves from what it has.
const (
	maxAttempts   = 3
	baseBackoff   = 50 * time.Millisecond
	maxBackoff    = 200 * time.Millisecond
	maxRetryAfter = time.Second
)

// Try calls try up to three times, until it says that no other try can mend what it met.
// Between two it backs off, with full jitter, for no longer than 200 ms, or for as long
// as the back end asked, after, if that is a second at most. It returns the error of ctx
// when that ends while it waits, and nil otherwise.
func Try(ctx context.Context, try func() (again bool, after time.Duration)) error {
	for attempt := 1; ; attempt++ {
		again, after := try()
		if !again || attempt == maxAttempts || ctx.Err() != nil || after > maxRetryAfter {
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

// RetryAfter reads how long a back end asks to be left alone, in seconds, 0 where it
// does not say: none of them sends dates.
func RetryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
