// Package calls holds back, and counts, the calls of a KMS or a record store.
//
// Four things bound such calls, each for a reason of its own:
//
//   - [Slots] bound the calls in flight, so that a burst of misses is no burst
//     of calls.
//   - A [Gate] shuts after a failure, so that a back end that is down is not
//     hammered. It reopens by exponential [Backoff].
//   - An [Allowance] is a token bucket. Callers have one each for data keys that
//     turn out not to exist, so that a forger spends nobody else's calls. The
//     data keys of a process share one for verifications that no use asked for.
//   - A timeout bounds each call; who calls sets it.
//
// A [Counter] counts the calls of one operation by result.
package calls

import (
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// A Last is how the last call ended.
type Last struct {
	Operation string // generate, wrap, unwrap, verify; open for a KEK that could not be opened; or of a store
	At        time.Time
	Err       error // nil on success
}

// results of calls: success, and the classes of failure.
const results = int(hsm.Unclear) + 1

// A Counter counts the calls of one operation. Safe for concurrent use.
type Counter struct {
	results [results]atomic.Uint64
	nanos   atomic.Int64
}

// Add counts a call that took so long and ended with err.
func (c *Counter) Add(took time.Duration, err error) {
	result := 0
	if err != nil {
		result = min(int(hsm.ClassOf(err)), results-1)
	}
	c.results[result].Add(1)
	c.nanos.Add(int64(took))
}

// Time returns how long the calls took together.
func (c *Counter) Time() time.Duration { return time.Duration(c.nanos.Load()) }

// Results returns the number of calls by result: ok, unavailable, denied,
// corrupt, unsupported, misconfigured, unclear.
func (c *Counter) Results() map[string]uint64 {
	m := map[string]uint64{"ok": c.results[0].Load()}
	for class := hsm.Unavailable; int(class) < results; class++ {
		m[class.String()] = c.results[class].Load()
	}
	return m
}
