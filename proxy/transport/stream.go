package transport

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var (
	errReset     = status.Error(codes.Canceled, "the peer reset the stream")
	errBroken    = status.Error(codes.Canceled, "the connection broke")
	errSlow      = status.Error(codes.DeadlineExceeded, "the peer takes no more of the message")
	errLate      = status.Error(codes.DeadlineExceeded, "the peer's deadline has passed")
	errMetadata  = status.Error(codes.Unimplemented, "transport: handlers send no metadata")
	errMalformed = errors.New("malformed request") // RFC 9113 8.1.1
)

// A stream is one RPC, and the grpc.ServerStream of its handler.
type stream struct {
	conn      *conn
	id        uint32
	authority string
	method    method
	metadata  metadata.MD
	timeout   time.Duration
	ctx       context.Context
	cancel    context.CancelFunc
	unwatch   func() bool // of timeout; nil without one

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

// Authority is the :authority of the call, "" for none. It is the peer's word: gRPC has no use for it here.
func (st *stream) Authority() string { return st.authority }

// Context ends with the handler, the stream, the connection or the peer's deadline.
func (st *stream) Context() context.Context { return st.ctx }

// SendMsg queues m, encoded by Codec, for the peer. It waits while the peer's window is
// closed, or while the connection has much to write already; after Options.Send the
// stream fails.
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
