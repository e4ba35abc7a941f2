package keyuse

import (
	"strings"
	"sync"
	"time"
)

const (
	// attemptsEvery is how often attempts are recorded.
	attemptsEvery = time.Second
	// maxAttempts bounds the spans of one such round; what is beyond shares a span per error.
	maxAttempts = 64
)

// An attemptID is what attempts are added up by.
type attemptID struct {
	caller, route, direction, key, tag, operation, errorType string
}

// attempts are uses that failed before a key was known. Anybody can cause any number of
// them, so they are recorded in sum, and only while the queue has room for everybody.
type attempts struct {
	r *Recorder

	mu     sync.Mutex
	closed bool
	uses   map[attemptID]*attempt
	timer  *time.Timer
}

type attempt struct {
	exchange Exchange // the first one
	use      Use
}

func newAttempts(r *Recorder) *attempts {
	a := &attempts{r: r, uses: map[attemptID]*attempt{}}
	a.timer = time.AfterFunc(attemptsEvery, func() { a.flush(false) })
	a.timer.Stop()
	return a
}

// Attempt records a use that failed before a key was known, with at most one tag, within
// a second and together with others of its kind: of the same caller, route, direction, key,
// tag, operation and error. Their span is in the trace of the first of them, and says how many
// values there were. In one second, 64 kinds have spans of their own. Attempts wait
// while the queue is half full, and are never refused.
func (r *Recorder) Attempt(x *Exchange, u *Use) { r.attempts.add(x, u) }

func (a *attempts) add(x *Exchange, u *Use) {
	id := attemptID{x.Caller, x.Route, x.Direction, u.Key, strings.Join(u.Tags, " "), u.Operation, u.ErrorType}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		_ = a.r.refuse(ErrClosed, 1, true)
		return
	}
	first := *x
	known := a.uses[id]
	if known == nil && len(a.uses) >= maxAttempts {
		id = attemptID{caller: ellipsis, errorType: u.ErrorType}
		first = Exchange{TraceID: x.TraceID, ParentID: x.ParentID, Caller: ellipsis}
		known = a.uses[id]
	}
	if known == nil {
		if len(a.uses) == 0 {
			a.timer.Reset(attemptsEvery)
		}
		first.Caller = strings.Clone(first.Caller) // it may be part of a message that is freed
		id.caller = first.Caller
		known = &attempt{first, *u}
		known.use.Tags = append([]string(nil), u.Tags...)
		if id.caller == ellipsis {
			known.use.Key, known.use.Tags = ellipsis, nil
		}
		a.uses[id] = known
		return
	}
	known.use.End = u.End
	known.use.Fields += u.Fields
	known.use.Aggregate = known.use.Aggregate || x.TraceID == [16]byte{} || x.TraceID != known.exchange.TraceID || x.ParentID != known.exchange.ParentID
}

// flush records what has come, while less than half of the queue is used. What finds no
// room goes on adding up. all has room past every limit: there are few spans.
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

// end records what is left.
func (a *attempts) end() {
	a.flush(true)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.timer.Stop()
}
