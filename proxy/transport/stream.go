package transport

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var (
	errReset     = status.Error(codes.Canceled, "the peer reset the stream")
	errBroken    = status.Error(codes.Canceled, "the connection broke")
	errSlow      = status.Error(codes.DeadlineExceeded, "the peer did not take the message in time")
	errLate      = status.Error(codes.DeadlineExceeded, "the peer's deadline has passed")
	errMetadata  = status.Error(codes.Unimplemented, "transport: handlers cannot send metadata")
	errMalformed = errors.New("malformed request") // RFC 9113 section 8.1.1
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
	unwatch   func() bool // stops the watch of timeout; nil without one

	inbox

	// Guarded by conn.mu, which is taken before inbox.mu.
	window      int64 // what may be sent to the peer, in bytes
	credit      int   // what the peer may still send, in bytes
	unannounced int   // credit that the peer has not been told of yet
	headersSent bool  // response headers have been queued
	out         outgoing
}

func newStream(c *conn, id uint32) *stream {
	st := &stream{conn: c, id: id, credit: int(max(c.srv.opts.Window, initialWindow))}
	st.pool, st.contentLeft = c.srv.opts.Pool, -1
	st.arrival.L = &st.mu
	return st
}

// begin makes the context of the handler.
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
		st.inbox.fail(errLate)
	}
	st.unwatch = context.AfterFunc(st.ctx, func() { st.fail(errLate) })
}

// handle runs the method, and ends the stream with the status that the method
// returns.
func (st *stream) handle() {
	err := st.method(st)
	if st.unwatch != nil {
		st.unwatch()
	}
	st.cancel()
	st.inbox.close()
	st.conn.finishStream(st, err)
	st.conn.srv.handlers.Done()
}

// fail ends the stream with err while its handler runs. Whatever the handler
// waits for returns err.
func (st *stream) fail(err error) {
	st.inbox.fail(err)
	st.cancel()
	st.conn.mu.Lock() // a sender that is about to wait would miss the broadcast
	st.conn.progress.Broadcast()
	st.conn.mu.Unlock()
}

// Authority returns the :authority of the call, "" for none. It is the peer's
// own word; gRPC gives it no meaning here.
func (st *stream) Authority() string { return st.authority }

// Context returns a context that ends with the handler, the stream, the
// connection or the peer's deadline.
func (st *stream) Context() context.Context { return st.ctx }

// RecvMsg waits for the next message, which Codec decodes into m. The error is
// io.EOF when the peer has closed its side.
func (st *stream) RecvMsg(m any) error { return st.RecvMsgWithin(m, 0) }

// RecvMsgWithin is RecvMsg that waits for at most bound; 0 means no limit.
// After bound the error is os.ErrDeadlineExceeded, and the stream may still be
// used.
func (st *stream) RecvMsgWithin(m any, bound time.Duration) error {
	data, credit, err := st.take(bound)
	if err != nil {
		return err
	}
	if credit > 0 {
		st.conn.returnCredit(st, credit)
	}
	err = st.conn.srv.opts.Codec.Unmarshal(data, m)
	data.Free()
	st.recycle(data)
	if err != nil {
		return status.Errorf(codes.Internal, "decode message: %v", err)
	}
	return nil
}

// SendMsg encodes m with Codec and queues it for the peer. It waits while the
// peer's window is closed, and while the outbox is full. After Options.Send the
// stream fails.
func (st *stream) SendMsg(m any) error {
	data, err := st.conn.srv.opts.Codec.Marshal(m)
	if err != nil {
		return status.Errorf(codes.Internal, "encode message: %v", err)
	}
	defer data.Free()
	return st.conn.send(st, data)
}

// SetHeader always fails: see the package comment.
func (st *stream) SetHeader(metadata.MD) error { return errMetadata }

// SendHeader always fails: see the package comment.
func (st *stream) SendHeader(metadata.MD) error { return errMetadata }

// SetTrailer does nothing: see the package comment.
func (st *stream) SetTrailer(metadata.MD) {}
