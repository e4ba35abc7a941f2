package keyuse

import (
	"strings"
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
)

const (
	// attemptsEvery is the interval at which attempts are recorded.
	attemptsEvery = time.Second
	// maxAttempts limits the spans of one interval. Further attempts share one
	// span per error.
	maxAttempts = 64
)

// An attemptID identifies attempts that share a span.
type attemptID struct {
	caller, route, direction, place, key, tag, operation, errorType string
}

// attempts are uses that failed before a key was known. Anybody can cause any
// number of them. So they are aggregated, and recorded only while the queue has
// room.
type attempts struct {
	r *Recorder

	mu     sync.Mutex
	closed bool
	uses   map[attemptID]*attempt
	timer  *time.Timer
}

// An attempt is one span of aggregated uses.
type attempt struct {
	exchange Exchange // of the first use
	use      Use
}

func newAttempts(r *Recorder) *attempts {
	a := &attempts{r: r, uses: map[attemptID]*attempt{}}
	a.timer = time.AfterFunc(attemptsEvery, func() { a.flush(false) })
	a.timer.Stop()
	return a
}

// Attempt records a use with at most one tag that failed before a key was
// known. Uses of the same caller, route, direction, key, tag, operation and
// error within one second share a span. The span is in the trace of the first
// use and has the number of values. At most 64 kinds have spans of their own in
// one second.
//
// Attempts wait while the queue is more than half full. They are never refused.
func (r *Recorder) Attempt(x *Exchange, u *Use) { r.attempts.add(x, u) }

func (a *attempts) add(x *Exchange, u *Use) {
	id := attemptID{x.Caller, x.Route, x.Direction, x.Place, u.Key, strings.Join(u.Tags, " "), u.Operation, u.ErrorType}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		_ = a.r.refuse(ErrClosed, 1, true)
		return
	}
	first := *x
	known := a.uses[id]
	if known == nil && len(a.uses) >= maxAttempts {
		id = attemptID{caller: otlp.Ellipsis, errorType: u.ErrorType}
		first = Exchange{TraceID: x.TraceID, ParentID: x.ParentID, Caller: otlp.Ellipsis}
		known = a.uses[id]
	}
	if known == nil {
		if len(a.uses) == 0 {
			a.timer.Reset(attemptsEvery)
		}
		first.Caller = strings.Clone(first.Caller) // it may share memory with a message that is freed
		id.caller = first.Caller
		known = &attempt{first, *u}
		known.use.Tags = append([]string(nil), u.Tags...)
		if id.caller == otlp.Ellipsis {
			known.use.Key, known.use.Tags = otlp.Ellipsis, nil
		}
		a.uses[id] = known
		return
	}
	known.use.End = u.End
	known.use.Fields += u.Fields
	known.use.Aggregate = known.use.Aggregate || x.TraceID == [16]byte{} || x.TraceID != known.exchange.TraceID || x.ParentID != known.exchange.ParentID
}

// flush records aggregated attempts while less than half of the queue is used.
// The others stay and keep aggregating. all ignores that limit: the number of
// spans is small.
func (a *attempts) flush(all bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, one := range a.uses {
		var room Reservation
		if all {
			room = a.r.queue.grant(maxSpan)
		} else if a.r.queue.used() > a.r.queue.limit/2 {
			break
		}
		if a.r.Record(&one.exchange, []Use{one.use}, room) != nil {
			break
		}
		delete(a.uses, id)
	}
	if len(a.uses) > 0 {
		a.timer.Reset(attemptsEvery)
	}
}

// end records what is left and refuses further attempts.
func (a *attempts) end() {
	a.flush(true)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.timer.Stop()
}
