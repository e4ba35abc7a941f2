package keycache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"go.opentelemetry.io/otel/trace"
)

// A Session is one direction of one exchange: its right to use keys, and the
// account of what it used. Not safe for concurrent use.
type Session struct {
	c      *Cache
	st     *state // nil once closed
	result error  // of Close
}

// A state is what a session knows and works with, and the next one uses again.
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
	spare    []byte      // another, for those that are looked at while that one waits
	later    *increments // nil before there are any
}

func newStates() *sync.Pool { return &sync.Pool{New: func() any { return new(state) }} }

// Session begins a direction. It takes no key yet. ctx bounds what the session
// waits for; unwrapping that others may wait for too outlives it.
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

// end is the moment of Close, told from the last reading by the monotonic clock alone.
func (s *Session) end() int64 {
	return s.st.wall + int64(time.Since(s.c.start)-s.st.now)
}

// begin readies the session for one use. It fails after Close.
func (s *Session) begin(t *Tag) error {
	if s.st == nil {
		return &Error{Reason: KeyMisconfigured, Key: t.key.name, Err: errSessionClosed}
	}
	if t.fieldContext == nil {
		return &Error{Reason: KeyMisconfigured, Key: t.key.name, Err: errUnbound}
	}
	if s.st.readings--; s.st.readings < 0 {
		s.tick()
	}
	return nil
}

// Warm begins to fetch, in the background, the data key that seals under t.
func (s *Session) Warm(t *Tag) {
	if s.st == nil {
		return
	}
	d, now := t.key.current.Load(), s.c.now()
	switch {
	case d == nil || !d.maySeal(now):
		t.key.succeed(d, s.st.parent)
	case !d.serves(now):
		t.key.freshen(d, s.st.parent)
	}
}

// OnMiss has f called each time before Open waits for a data key: the moment to
// Prefetch those that come next, so that they are waited for together. Where all keys
// are there, f is never called.
func (s *Session) OnMiss(f func()) {
	if s.st != nil {
		s.st.onMiss = f
	}
}

func (s *Session) missed() {
	if s.st.onMiss != nil {
		s.st.buf, s.st.spare = s.st.spare, s.st.buf
		s.st.onMiss()
		s.st.buf, s.st.spare = s.st.spare, s.st.buf
	}
}

// Prefetch begins to unwrap, in the background, the data key of an envelope
// that Open will be given soon. It does nothing on a hit or when text is no envelope.
func (s *Session) Prefetch(t *Tag, text []byte) {
	if s.begin(t) != nil {
		return
	}
	h, _, buf, err := s.st.parser.Parse(s.st.buf, text)
	s.st.buf = buf
	if err != nil || s.c.admits(h.Suite) != nil {
		return
	}
	d, err := t.key.cached(&h)
	switch {
	case err != nil || d != nil && d.serves(s.st.now):
	case d != nil && d.usable(s.st.now):
		t.key.freshen(d, s.st.parent)
	default:
		_, _ = t.key.fetch(&h, s.allowance(), s.st.parent) // Open will meet the error and record it
	}
}

// Seal appends the envelope of value to dst. Errors are *Error.
func (s *Session) Seal(dst []byte, t *Tag, kind codec.Kind, value []byte) ([]byte, error) {
	if err := s.begin(t); err != nil {
		return dst, err
	}
	g, err := s.grant(t, uint64(len(value)))
	if err != nil {
		return dst, s.fail(useID{key: t.key, operation: opSeal, suite: t.suite.ID, reason: reasonToSeal(err)}, t, miss, err)
	}
	d := g.d
	out, err := g.sealer.Seal(dst, kind, value, t.fieldContext)
	g.uses--
	g.bytes -= uint64(len(value))
	if err != nil {
		return dst, s.fail(useID{t.key, d, opSeal, t.suite.ID, KeyMisconfigured}, t, g.state, err)
	}
	state := g.state
	if state == hit && !d.fresh(s.st.now) {
		state = stale
	}
	g.state = hit // the wait was this value's, not those that follow
	d.touch(s.st.now)
	s.st.account.add(useID{t.key, d, opSeal, t.suite.ID, ""}, t, len(value), state, s.st.wall)
	return out, nil
}

// grant returns the session's grant for t with room for n bytes.
func (s *Session) grant(t *Tag, n uint64) (*grant, error) {
	st := s.st
	var g *grant
	for i := range st.grants {
		if st.grants[i].key == t.key && st.grants[i].suite == t.suite.ID {
			g = &st.grants[i]
			break
		}
	}
	if g == nil {
		st.grants = append(st.grants, grant{key: t.key, suite: t.suite.ID})
		g = &st.grants[len(st.grants)-1]
	}
	if g.covers(n) && g.d.serves(st.now) && st.now < g.d.retireAt {
		return g, nil
	}
	return g, s.acquire(g, n)
}

// Open appends the value that text seals to dst, and returns its kind. Errors are *Error.
func (s *Session) Open(dst []byte, t *Tag, text []byte) ([]byte, codec.Kind, error) {
	if err := s.begin(t); err != nil {
		return dst, 0, err
	}
	h, payload, buf, err := s.st.parser.Parse(s.st.buf, text)
	s.st.buf = buf
	if errors.Is(err, envelope.ErrNotEnvelope) {
		return dst, 0, &Error{Reason: NotEnvelope, Key: t.key.name, Err: err} // no key was asked for, so there is no use to record
	}
	if err != nil {
		return dst, 0, s.fail(useID{key: t.key, operation: opOpen, reason: OpenFailed}, t, none, err)
	}
	if err := s.c.admits(h.Suite); err != nil {
		return dst, 0, s.fail(useID{key: t.key, operation: opOpen, suite: h.Suite, reason: SuiteUnapproved}, t, none, err)
	}
	d, c, state, err := s.find(t.key, &h)
	if err != nil {
		return dst, 0, s.fail(useID{key: t.key, operation: opOpen, suite: h.Suite, reason: reasonToOpen(err)}, t, state, err)
	}
	out, buf, err := envelope.Open(dst, buf, h, c, payload, t.fieldContext)
	s.st.buf = buf
	if err != nil {
		return dst, 0, s.fail(useID{t.key, d, opOpen, h.Suite, OpenFailed}, t, state, err)
	}
	d.touch(s.st.now)
	s.st.account.add(useID{t.key, d, opOpen, h.Suite, ""}, t, len(out)-len(dst), state, s.st.wall)
	return out, h.Kind, nil
}

// find returns the data key of h and its cipher, and waits for them on a miss.
func (s *Session) find(k *key, h *envelope.Header) (*dataKey, *cipher, cacheState, error) {
	d, err := k.cached(h)
	if err != nil {
		return nil, nil, none, err
	}
	if d != nil && d.fresh(s.st.now) {
		if c := d.cipher(h.Suite); c != nil {
			return d, c, hit, nil
		}
	}
	return s.findSlowly(k, h, d)
}

func (s *Session) findSlowly(k *key, h *envelope.Header, d *dataKey) (*dataKey, *cipher, cacheState, error) {
	s.missed()
	for {
		var err error
		state := miss
		if d != nil && d.usable(s.st.now) {
			state, err = s.settle(k, d)
		} else {
			d, err = s.fetch(k, h)
		}
		switch {
		case err == errEvicted:
		case err != nil:
			return nil, nil, state, err
		default:
			if c := d.cipher(h.Suite); c != nil {
				return d, c, state, nil
			}
			if d.usable(s.st.now) {
				return nil, nil, state, errForged(errNoSuite)
			}
		}
		d = nil // it went while we looked: once more, as a miss
	}
}

// fail records a use that failed. Its span names a data key only if that was
// verified: an id that a stranger wrote into an envelope is nobody's attribute. What never
// came to a key is recorded in sum, since anybody can cause any number of such.
func (s *Session) fail(id useID, t *Tag, state cacheState, err error) error {
	if id.dataKey != nil {
		s.st.account.add(id, t, 0, state, s.st.wall)
	} else {
		u := id.use()
		u.Start, u.End, u.Tags, u.Fields, u.Cache = s.st.wall, s.end(), []string{t.name}, 1, cacheNames[state]
		s.c.recorder.Attempt(&s.st.exchange, &u)
		t.key.stats.failed.Add(1)
	}
	return &Error{Reason: id.reason, Key: t.key.name, Err: err}
}
