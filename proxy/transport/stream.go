package transport

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var (
	errReset     = status.Error(codes.Canceled, "the peer reset the stream")
	errBroken    = status.Error(codes.Canceled, "the connection broke")
	errLate      = status.Error(codes.DeadlineExceeded, "the peer's deadline has passed")
	errMetadata  = status.Error(codes.Unimplemented, "transport: handlers send no metadata")
	errMalformed = errors.New("malformed request") // RFC 9113 8.1.1
)

// A stream is one RPC, and the grpc.ServerStream of its handler.
type stream struct {
	conn     *conn
	id       uint32
	method   method
	metadata metadata.MD
	timeout  time.Duration
	ctx      context.Context
	cancel   context.CancelFunc
	unwatch  func() bool // of timeout; nil without one

	in     inbox // of the goroutine that reads the connection, while reading; then of the handler, once over
	silent bool  // of the goroutine that reads: the peer has closed its side
	due    int64 // of the goroutine that reads: what is left of content-length; -1: none was given

	// Under conn.mu, which is taken before mu.
	window int64 // what may be sent, in bytes
	credit int   // what the peer may still send
	owed   int   // what it may send again, and has not been told
	headed bool  // response headers have been queued
	out    outgoing

	mu      sync.Mutex
	arrival sync.Cond         // one of the following has changed
	queue   []mem.BufferSlice // whole messages; those before taken have been taken
	taken   int
	shelf   shelf           // of messages in queue
	spare   mem.BufferSlice // empty, for the next message to be put together in
	ended   bool            // no more will come: the peer has closed its side
	failed  error           // the stream is over; what was queued is dropped
	held    int             // bytes that count against the peer's window until the queue is empty
	reading bool            // in is being filled
	over    bool            // the handler has returned
	wait    uint64          // counts what RecvMsgWithin begins and ends to wait for
	late    bool            // it has waited long enough
}

func newStream(c *conn, id uint32) *stream {
	st := &stream{conn: c, id: id, credit: int(max(c.srv.opts.Window, initialWindow)), due: -1}
	st.arrival.L = &st.mu
	return st
}

// begin makes the context.
func (st *stream) begin() {
	ctx := context.Background()
	if st.metadata != nil {
		ctx = metadata.NewIncomingContext(ctx, st.metadata)
	}
	if st.timeout == 0 {
		st.ctx, st.cancel = context.WithCancel(ctx)
		return
	}
	st.ctx, st.cancel = context.WithTimeout(ctx, st.timeout)
	if st.ctx.Err() != nil {
		st.lose(errLate)
	}
	st.unwatch = context.AfterFunc(st.ctx, func() { st.fail(errLate) })
}

// handle runs the method, and ends the stream with the status that it returns.
func (st *stream) handle() {
	err := st.method(st)
	if st.unwatch != nil {
		st.unwatch()
	}
	st.cancel()
	st.mu.Lock()
	st.over = true
	reading := st.reading
	st.drop(errReset)
	st.mu.Unlock()
	st.arrival.Signal() // a goroutine that the handler left may be in RecvMsg
	if !reading {
		st.in.free(st.conn.srv.opts.Pool)
	}
	st.conn.finish(st, err)
	st.conn.srv.handlers.Done()
}

// fail ends the stream under its handler: what it waits for will not come.
func (st *stream) fail(err error) {
	st.lose(err)
	st.arrival.Signal()
	st.cancel()
	st.conn.mu.Lock() // or a sender that is about to wait would not hear
	st.conn.room.Broadcast()
	st.conn.mu.Unlock()
}

// lose is the part of fail that may be done under conn.mu.
func (st *stream) lose(err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.drop(err)
}

// drop frees what was queued. The caller holds mu.
func (st *stream) drop(err error) {
	if st.failed == nil {
		st.failed = err
	}
	for _, m := range st.queue[st.taken:] {
		m.Free()
	}
	st.queue, st.taken = nil, 0
	st.shelf.free()
}

func (st *stream) failure() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.failed
}

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

// Context ends with the handler, the stream, the connection or the peer's deadline.
func (st *stream) Context() context.Context { return st.ctx }

// RecvMsg takes the next message, which Codec decodes into m. The error is io.EOF once the
// peer has closed its side.
func (st *stream) RecvMsg(m any) error { return st.receive(m, 0) }

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
	if bound > 0 {
		defer st.within(bound)()
	}
	for st.waiting() == 0 && !st.ended && st.failed == nil && !st.late {
		st.arrival.Wait()
	}
	switch {
	case st.late && st.failed == nil && st.waiting() == 0 && !st.ended:
		return nil, 0, ErrLate
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

// SendMsg queues m, encoded by Codec, for the peer. It waits while the peer's window is
// closed, or while the connection has much to write already.
func (st *stream) SendMsg(m any) error {
	data, err := st.conn.srv.opts.Codec.Marshal(m)
	if err != nil {
		return status.Errorf(codes.Internal, "encode message: %v", err)
	}
	defer data.Free()
	return st.conn.send(st, data)
}

// SetHeader fails: see the package comment.
func (st *stream) SetHeader(metadata.MD) error { return errMetadata }

// SendHeader fails: see the package comment.
func (st *stream) SendHeader(metadata.MD) error { return errMetadata }

// SetTrailer does nothing: see the package comment.
func (st *stream) SetTrailer(metadata.MD) {}
