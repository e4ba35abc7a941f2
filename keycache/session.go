package keycache

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// renewClock is how many uses a session makes of one reading of the clock.
const renewClock = 1024

var (
	errSessionClosed = errors.New("the session has ended")
	errUnbound       = errors.New("the tag is bound to a parameter whose value is not known")
)

// A Session is one direction of one exchange: its right to use keys, and the
// account of what it used. Not safe for concurrent use.
type Session struct {
	c      *Cache
	st     *state // nil once closed
	result error  // of Close
}

// A state is what a session knows and works with. The next session uses it
// again.
type state struct {
	ctx      context.Context
	exchange keyuse.Exchange
	parent   trace.SpanContext
	onMiss   func()

	now      time.Duration // one reading of the clock serves many values
	wall     int64         // the same moment, Unix nanoseconds
	readings int           // uses of it left
	grants   []grant
	account  account
	parser   envelope.Parser
	buf      []byte      // a parsed envelope: ciphertext, nothing secret
	spare    []byte      // another, for envelopes that are prefetched while that one waits
	later    *increments // nil before there are any
}

func newStates() *sync.Pool { return &sync.Pool{New: func() any { return new(state) }} }

// Session begins a direction. It takes no key yet. ctx bounds what the session
// waits for; work that other sessions may wait for too outlives ctx.
func (c *Cache) Session(ctx context.Context, x keyuse.Exchange) *Session {
	st := c.states.Get().(*state)
	st.ctx, st.exchange, st.parent = ctx, x, parentOf(&x)
	return &Session{c: c, st: st}
}

// parentOf returns the caller's span, if the exchange has one.
func parentOf(x *keyuse.Exchange) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: x.TraceID, SpanID: x.ParentID, TraceFlags: trace.FlagsSampled, Remote: true,
	})
}

// tick reads the clock.
func (s *Session) tick() {
	t := time.Now()
	s.st.now, s.st.wall, s.st.readings = t.Sub(s.c.start), t.UnixNano(), renewClock
}

// end returns the wall clock, in Unix nanoseconds, by the last reading and the
// monotonic clock.
func (s *Session) end() int64 {
	return s.st.wall + int64(time.Since(s.c.start)-s.st.now)
}

// begin readies the session for one use. It fails after Close.
func (s *Session) begin(t *Tag) error {
	if s.st == nil {
		return &Error{Reason: KeyMisconfigured, Key: t.key.Name, Err: errSessionClosed}
	}
	if t.fieldContext == nil {
		return &Error{Reason: KeyMisconfigured, Key: t.key.Name, Err: errUnbound}
	}
	if s.st.readings--; s.st.readings < 0 {
		s.tick()
	}
	return nil
}

// Warm begins to get, in the background, the data key that seals under t.
func (s *Session) Warm(t *Tag) {
	if s.st != nil {
		t.key.Warm(s.st.parent)
	}
}

// OnMiss sets a function that Open calls each time before it waits for a data
// key. The function may call Prefetch for the envelopes that come next, so that
// their data keys are waited for together. It is never called while all data
// keys are there.
func (s *Session) OnMiss(f func()) {
	if s.st != nil {
		s.st.onMiss = f
	}
}

// missed calls the function of OnMiss. The parsed envelope stays as it is.
func (st *state) missed() {
	if st.onMiss != nil {
		st.buf, st.spare = st.spare, st.buf
		st.onMiss()
		st.buf, st.spare = st.spare, st.buf
	}
}

// Prefetch begins to unwrap, in the background, the data key of an envelope
// that Open will be given soon. It does nothing on a hit, or when text is no
// envelope.
func (s *Session) Prefetch(t *Tag, text []byte) {
	if s.begin(t) != nil {
		return
	}
	h, _, buf, err := s.st.parser.Parse(s.st.buf, text)
	s.st.buf = buf
	if err != nil || s.c.checkSuite(h.Suite) != nil {
		return
	}
	d, err := t.key.Cached(&h)
	switch {
	case err != nil || d != nil && d.Serves(s.st.now):
	case d != nil && d.Usable(s.st.now):
		t.key.Keys.VerifyIfStale(d, s.st.parent)
	default:
		_, _ = t.key.Fetch(&h, s.allowance(), s.st.parent) // Open will meet the error and record it
	}
}

// allowance is what the session's caller may look for in vain.
func (s *Session) allowance() *calls.Allowance {
	return s.c.callers.of(s.st.exchange.Caller, s.st.now)
}

// fail records a use that failed. Its span names a data key only if that was
// verified: an id that a stranger wrote into an envelope is nobody's attribute.
// Uses without a data key are recorded in sum, since anybody can cause any
// number of them.
func (s *Session) fail(id useID, t *Tag, access datakeys.Access, err error) error {
	if id.dataKey != nil {
		s.st.account.add(id, t, 0, access, s.st.wall)
	} else {
		u := id.use()
		u.Start, u.End, u.Tags, u.Fields, u.Cache = s.st.wall, s.end(), []string{t.name}, 1, accessNames[access]
		s.c.recorder.Attempt(&s.st.exchange, &u)
	}
	return &Error{Reason: id.reason, Key: t.key.Name, Err: err}
}
