package transport

import (
	"errors"
	"time"
)

// ErrLate is what RecvMsgWithin returns when no message came in time.
var ErrLate = errors.New("transport: no message came in time")

// RecvMsgWithin is RecvMsg that waits for bound at most, when that is more than 0. The
// stream goes on when it was not long enough.
func (st *stream) RecvMsgWithin(m any, bound time.Duration) error { return st.receive(m, bound) }

// within has arrival signalled when bound has passed, until the returned function is
// called. The caller holds mu.
func (st *stream) within(bound time.Duration) (stop func()) {
	if st.waiting() > 0 || st.ended || st.failed != nil {
		return func() {}
	}
	st.wait++
	this := st.wait
	t := time.AfterFunc(bound, func() {
		st.mu.Lock()
		st.late = st.late || st.wait == this // or it is that of an earlier wait, which had its message
		st.mu.Unlock()
		st.arrival.Signal()
	})
	return func() {
		t.Stop()
		st.wait++
		st.late = false
	}
}
