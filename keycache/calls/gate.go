package calls

import (
	"errors"
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// DeniedFor is how long a denial is remembered.
const DeniedFor = 5 * time.Second

// A Gate remembers that something failed. After each failure it is shut for a
// while; then one attempt probes, and its outcome opens the gate or shuts it
// for longer. The zero Gate is open. It reads no clock and draws no random
// number, so that a simulation can drive thousands: moments are durations since
// any fixed moment. Safe for concurrent use.
type Gate struct {
	mu       sync.Mutex
	err      error         // why it is shut; nil when open
	failures int           // without a clear answer, in a row
	shutAt   time.Duration // when it was shut last
	until    time.Duration // when the next probe may go
}

// Shut returns why an attempt would not be let in now, or nil. Unlike Enter, it
// does not start a probe.
func (g *Gate) Shut(now time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil && now < g.until {
		return Remembered(g.err)
	}
	return nil
}

// Enter lets an attempt in, or returns why not. While the gate is not open, the
// attempt it lets in is the probe: all others wait for the probe, but no longer
// than patience.
func (g *Gate) Enter(now, patience time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		return nil
	}
	if now < g.until {
		return Remembered(g.err)
	}
	g.until = now + patience
	return nil
}

// Leave reports how an attempt ended that was let in at began. r is from [0,
// 1). Success opens the gate. An answer such as corrupt may be the back end's
// answer to a record that a stranger made: it lets the next attempt probe, but
// forgets nothing, so that garbage does not wear the back-off down.
func (g *Gate) Leave(began, now time.Duration, err error, r float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.err, g.failures = nil, 0
		return
	}
	switch hsm.ClassOf(err) {
	case hsm.Denied:
		g.err, g.failures, g.shutAt = err, 0, now
		g.until = now + time.Duration((0.8+0.4*r)*float64(DeniedFor))
	case hsm.Unavailable:
		g.close(began, now, err, WhileUnavailable.Delay(g.failures, r))
	case hsm.Unclear:
		g.close(began, now, err, WhileUnclear.Delay(g.failures, r))
	default:
		g.until = now
	}
}

// close shuts the gate for a while. It is called with g.mu held.
func (g *Gate) close(began, now time.Duration, err error, wait time.Duration) {
	if g.err != nil && began < g.shutAt {
		return // it began before the failure that shut the gate: the same outage, seen twice
	}
	g.failures++
	g.err, g.shutAt, g.until = err, now, now+wait
}

// Reset opens the gate.
func (g *Gate) Reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err, g.failures = nil, 0
}

// A remembered is an earlier failure that is given as a reason again.
type remembered struct{ error }

func (e remembered) Unwrap() error { return e.error }

// Remembered marks err as an earlier failure that is given as a reason again.
// It must not be remembered as if it had just happened.
func Remembered(err error) error { return remembered{err} }

// IsRemembered reports whether err was marked by [Remembered].
func IsRemembered(err error) bool {
	_, old := errors.AsType[remembered](err)
	return old
}
