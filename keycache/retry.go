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

var (
	providerBackoff = backoff{base: 200 * time.Millisecond, max: 30 * time.Second}
	// unclearBackoff is shorter: past soft, uses are refused until the KMS vouches.
	unclearBackoff = backoff{base: 200 * time.Millisecond, max: 5 * time.Second}
)

// verifyTries is how often a data key is verified before its soft TTL ends, if the
// first tries fail: that many fit, each as long as a call may take.
const verifyTries = 3

// verifyAt is when a data key is verified, as a time since the KMS last vouched for
// it: early enough for all tries, at most half of soft. r, from [0, 1), spreads a
// fleet over the time between 0.8 soft and that moment, or a tenth of soft at least.
func verifyAt(soft, timeout time.Duration, r float64) time.Duration {
	tries := verifyTries * timeout
	for failures := range verifyTries - 1 {
		tries += verifyPause(soft) + providerBackoff.delay(failures, 1)
	}
	latest := soft - min(tries, soft/2)
	earliest := min(soft*8/10, latest-soft/10)
	return earliest + time.Duration(r*float64(latest-earliest))
}

// verifyPause is the least time between two tries.
func verifyPause(soft time.Duration) time.Duration { return min(time.Second, soft/20) }

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
	failures int           // without a clear answer, in a row
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
// opens the gate. An answer such as corrupt may be the provider's own, to a record that a
// stranger made: it lets the next attempt probe, and forgets nothing, so that garbage
// does not wear the back-off down.
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
		g.close(began, now, err, providerBackoff.delay(g.failures, r))
	case hsm.Unclear:
		g.close(began, now, err, unclearBackoff.delay(g.failures, r))
	default:
		g.until = now
	}
}

// close shuts the gate for a while. It is called with g.mu held.
func (g *gate) close(began, now time.Duration, err error, wait time.Duration) {
	if g.err != nil && began < g.shutAt {
		return // it set out before the failure that shut the gate: the same outage, seen twice
	}
	g.failures++
	g.err, g.shutAt, g.until = err, now, now+wait
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
