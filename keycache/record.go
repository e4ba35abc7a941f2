package keycache

// Admit makes sure that every key use so far will be recorded. A streamed
// direction calls it before each chunk leaves; with `audit: required` it fails when
// the record has no room, and then nothing may leave. It also lets time pass:
// between two calls, the session judges all bounds by one reading of the clock
// or a thousand uses, whichever is less.
func (s *Session) Admit() error {
	if s.st == nil {
		return s.result
	}
	st := s.st
	st.readings = 0
	n := len(st.account.uses) - st.admitted
	if n == 0 {
		return nil
	}
	r, err := s.c.recorder.Reserve(st.reserved, n)
	if err != nil {
		return &Error{Reason: AuditFull, Key: st.account.keyNames(), Err: err}
	}
	st.reserved, st.admitted = r, len(st.account.uses)
	return nil
}

// Close records the key uses of the direction, with cause as their outcome when
// it is not nil, and ends the session. A buffered direction calls it before its
// body leaves. It is idempotent: later calls return the first result.
func (s *Session) Close(cause error) error {
	if s.st == nil {
		return s.result
	}
	st := s.st
	for i := range st.grants {
		st.grants[i].release()
	}
	if len(st.account.uses) > 0 || st.admitted > 0 {
		failure := ""
		if cause != nil {
			failure = outcome(cause)
		}
		st.account.close(s.end(), failure)
		if err := s.c.recorder.Record(&st.exchange, st.account.uses, st.reserved); err != nil {
			s.result = &Error{Reason: AuditFull, Key: st.account.keyNames(), Err: err}
		}
	}
	s.st = nil
	st.reset()
	s.c.states.Put(st)
	return s.result
}

func (st *state) reset() {
	clear(st.grants)
	st.account.reset()
	*st = state{grants: st.grants[:0], account: st.account, parser: st.parser, buf: st.buf[:0]}
	if cap(st.buf) > maxKeptBuffer {
		st.buf = nil
	}
}

// maxKeptBuffer is the longest envelope buffer, in bytes, that the next session gets.
const maxKeptBuffer = 64 << 10
