package keycache

import (
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// A backoff is exponential with full jitter: after n failures the next attempt
// comes at a uniformly random moment of the next min(max, base × 2^n). The long
// flat tail is what spreads a fleet: processes that saw the same outage end
// come back over the whole of max, not at once.
type backoff struct{ base, max time.Duration }

var providerBackoff = backoff{base: 200 * time.Millisecond, max: 30 * time.Second}

// delay takes r from [0, 1).
func (b backoff) delay(failures int, r float64) time.Duration {
	d := b.max
	if failures < 32 {
		d = min(d, b.base<<failures)
	}
	return time.Duration(r * float64(d))
}

// A gate remembers that something failed, so that what is down is not hammered.
// It is shut for a while after each failure; then one attempt probes, and its
// outcome opens the gate or shuts it for longer. It reads no clock and draws no
// random number, so that a simulation can drive thousands. Safe for concurrent use.
type gate struct {
	mu       sync.Mutex
	err      error         // why it is shut; nil when open
	failures int           // unavailable, in a row
	shutAt   time.Duration // when it was shut last
	until    time.Duration // when the next probe may go
}

// shut returns why an attempt would not be let in now, or nil. It takes no turn.
func (g *gate) shut(now time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil && now < g.until {
		return shutError{g.err}
	}
	return nil
}

// enter lets an attempt in or returns why not. One that is let in while the
// gate is not open is the probe: the rest waits for it, but no longer than patience.
func (g *gate) enter(now, patience time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		return nil
	}
	if now < g.until {
		return shutError{g.err}
	}
	g.until = now + patience
	return nil
}

// leave reports how an attempt ended that had been let in at began. Success
// opens the gate. An answer that is neither success nor unavailable nor denied may be the
// provider's own, to a record that a stranger made: it lets the next attempt probe,
// and forgets nothing, so that garbage does not wear the back-off down.
func (g *gate) leave(began, now time.Duration, err error, r float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.err, g.failures = nil, 0
		return
	}
	switch hsm.ClassOf(err) {
	case hsm.Denied:
		g.err, g.failures, g.shutAt = err, 0, now
		g.until = now + time.Duration((0.8+0.4*r)*float64(deniedFor))
	case hsm.Unavailable:
		if g.err != nil && began < g.shutAt {
			return // it set out before the failure that shut the gate: the same outage, seen twice
		}
		g.until = now + providerBackoff.delay(g.failures, r)
		g.failures++
		g.err, g.shutAt = err, now
	default:
		g.until = now
	}
}

// A shutError is an earlier failure that a gate, or a memory of records, gave
// as its reason. It must not be remembered as if it had just happened.
type shutError struct{ error }

func (e shutError) Unwrap() error { return e.error }

// reset opens the gate.
func (g *gate) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err, g.failures = nil, 0
}
