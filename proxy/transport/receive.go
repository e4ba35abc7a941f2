package transport

import (
	"io"
	"os"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// RecvMsg takes the next message, which Codec decodes into m. The error is io.EOF once the
// peer has closed its side.
func (st *stream) RecvMsg(m any) error { return st.receive(m, 0) }

// RecvMsgWithin is RecvMsg that waits for bound at most, when bound is more than
// 0. The error is os.ErrDeadlineExceeded when no message came in time, and the
// stream is as before.
func (st *stream) RecvMsgWithin(m any, bound time.Duration) error { return st.receive(m, bound) }

func (st *stream) receive(m any, bound time.Duration) error {
	data, credit, err := st.next(bound)
	if err != nil {
		return err
	}
	if credit > 0 {
		st.conn.restore(st, credit)
	}
	err = st.conn.srv.opts.Codec.Unmarshal(data, m)
	data.Free()
	st.recycle(data)
	if err != nil {
		return status.Errorf(codes.Internal, "decode message: %v", err)
	}
	return nil
}

// next waits for a message, and says what of the peer's window may be given back for it.
func (st *stream) next(bound time.Duration) (m mem.BufferSlice, credit int, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	var deadline time.Time
	if bound > 0 && st.empty() {
		deadline = time.Now().Add(bound)
		defer time.AfterFunc(bound, st.rouse).Stop()
	}
	for st.empty() {
		if bound > 0 && !time.Now().Before(deadline) {
			return nil, 0, os.ErrDeadlineExceeded
		}
		st.arrival.Wait()
	}
	switch {
	case st.failed != nil:
		return nil, 0, st.failed
	case st.waiting() == 0:
		return nil, 0, io.EOF
	}
	m, st.queue[st.taken] = st.queue[st.taken], nil
	st.taken++
	if st.waiting() == 0 {
		st.queue, st.taken = st.queue[:0], 0
		st.shelf.free()
		credit, st.held = st.held, 0
	}
	return m, credit, nil
}

// recycle takes back the list of a message whose buffers have been freed.
func (st *stream) recycle(m mem.BufferSlice) {
	clear(m)
	st.mu.Lock()
	st.spare = m[:0]
	st.mu.Unlock()
}

// empty reports whether there is nothing for a receiver but to wait. The caller holds mu.
func (st *stream) empty() bool { return st.waiting() == 0 && !st.ended && st.failed == nil }

// rouse has a receiver look again. It takes mu, or one that is about to wait would not hear.
func (st *stream) rouse() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.arrival.Signal()
}

// What follows is of the goroutine that reads the connection.

// fillable marks the inbox as being filled, unless nobody wants what it would hold.
func (st *stream) fillable() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.reading = st.failed == nil; st.reading && st.in.whole == nil {
		st.in.whole, st.spare = st.spare, nil
	}
	return st.reading
}

// deliver hands a message to the handler.
func (st *stream) deliver(m mem.BufferSlice) {
	st.mu.Lock()
	if st.failed != nil {
		st.mu.Unlock()
		m.Free()
		return
	}
	if st.waiting() >= crowd && len(m) == 1 && m[0].Len() <= short {
		st.shelf.put(m, st.conn.srv.opts.Pool)
	}
	st.queue = append(st.queue, m)
	st.mu.Unlock()
	st.arrival.Signal()
}

// filled ends what fillable began, after n bytes, and says how many the peer may send
// again: all, unless messages wait already.
func (st *stream) filled(n int) (credit int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.reading = false
	if st.over {
		st.in.free(st.conn.srv.opts.Pool)
		return 0
	}
	st.held += n
	if st.waiting() == 0 {
		credit, st.held = st.held, 0
	}
	return credit
}

// waiting is how many messages are queued. The caller holds mu.
func (st *stream) waiting() int { return len(st.queue) - st.taken }

// halfClose is called when the peer closes its side.
func (st *stream) halfClose() error {
	st.silent = true
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.failed != nil {
		return nil
	}
	if st.in.partial() || st.due > 0 {
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol}
	}
	st.ended = true
	st.arrival.Signal()
	return nil
}
