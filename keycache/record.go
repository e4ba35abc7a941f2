package keycache

import (
	"slices"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// Admit records what must be recorded before the next chunk leaves. A streamed
// direction calls it before each chunk: the first use of a data key is recorded
// at once; what adds to it is recorded within a second, marked as partial. With
// `audit: required` Admit fails when the record has no room, and then nothing
// may leave. Admit also lets time pass: between two calls, the session judges
// all TTLs by one reading of the clock, or by one for a thousand uses.
func (s *Session) Admit() error {
	if s.st == nil {
		return s.result
	}
	st := s.st
	st.readings = 0
	if len(st.account.touched) == 0 {
		return nil
	}
	if err := s.admit(); err != nil {
		return &Error{Reason: AuditFull, Key: st.account.keyNames(), Err: err}
	}
	return nil
}

// admit records first uses, and increments that cannot wait for their second.
func (s *Session) admit() error {
	st, a := s.st, &s.st.account
	wait := false
	if slices.ContainsFunc(a.touched, func(i int) bool { return a.uses[i].Partial }) {
		later := s.increments()
		later.mu.Lock()
		defer later.mu.Unlock()
		wait = later.reserve(a)
	}
	wall := s.end()
	a.batch = a.batch[:0]
	for _, i := range a.touched {
		if !wait || !a.uses[i].Partial {
			a.complete(i, wall, "")
		}
	}
	if err := s.record(); err != nil {
		return err
	}
	for _, i := range a.touched {
		if wait && a.uses[i].Partial {
			st.later.take(a, i)
		} else {
			a.count(i)
		}
		a.carryOver(i)
	}
	a.touched = a.touched[:0]
	return nil
}

// record records the batch of the account.
func (s *Session) record() error {
	if len(s.st.account.batch) == 0 {
		return nil
	}
	return s.c.recorder.Record(&s.st.exchange, s.st.account.batch, keyuse.Reservation{})
}

// Close records the key uses of the direction, and ends the session. cause, if
// it is not nil, is their outcome. A buffered direction calls Close before its
// body leaves, and lets nothing leave if Close fails. Later calls return the
// first result.
func (s *Session) Close(cause error) error {
	if s.st == nil {
		return s.result
	}
	st := s.st
	for i := range st.grants {
		st.grants[i].Release()
	}
	if len(st.account.uses) > 0 {
		failure := ""
		if cause != nil {
			failure = outcome(cause)
		}
		if err := s.finish(failure); err != nil {
			s.result = &Error{Reason: AuditFull, Key: st.account.keyNames(), Err: err}
		}
	}
	s.st = nil
	st.reset()
	s.c.states.Put(st)
	return s.result
}

// finish records what is not recorded yet, and that the exchange failed after
// all for uses that are recorded.
func (s *Session) finish(failure string) error {
	st, a := s.st, &s.st.account
	wall := s.end()
	if st.later != nil {
		st.later.end(a, wall, failure)
	}
	a.batch = a.batch[:0]
	for i := range a.uses {
		u := &a.uses[i]
		if u.Fields > 0 || failure != "" && u.ErrorType == "" && !a.tallies[i].told {
			a.complete(i, wall, failure)
			a.count(i)
		}
	}
	return s.record()
}

func (st *state) reset() {
	clear(st.grants)
	st.account.reset()
	*st = state{grants: st.grants[:0], account: st.account, parser: st.parser, buf: st.buf[:0]}
	if cap(st.buf) > maxKeptBuffer {
		st.buf = nil
	}
}

// maxKeptBuffer is the longest envelope buffer, in bytes, that the next session
// gets.
const maxKeptBuffer = 64 << 10
