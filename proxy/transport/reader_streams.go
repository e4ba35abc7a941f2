package transport

import (
	"errors"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/status"
)

// onHeaders opens a stream, or handles the trailers that end the peer's side of
// one.
func (r *reader) onHeaders(f *http2.MetaHeadersFrame) error {
	id := f.StreamID
	if f.HasPriority() {
		if err := checkPriority(id, f.Priority); err != nil {
			r.lastID = max(r.lastID, id)
			return err
		}
	}
	if id%2 == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if id <= r.lastID {
		return r.onTrailers(f)
	}
	r.lastID = id
	r.mu.Lock()
	ignored, refused := id > r.lastOpen, uint64(len(r.streams)) >= r.srv.opts.maxStreams()
	r.mu.Unlock()
	switch {
	case ignored:
		return nil
	case refused:
		return http2.StreamError{StreamID: id, Code: http2.ErrCodeRefusedStream}
	}
	st := newStream(r.conn, id)
	st.halfClosed, st.ended = f.StreamEnded(), f.StreamEnded()
	httpStatus, err := st.readHeaders(f)
	switch {
	case errors.Is(err, errMalformed):
		return http2.StreamError{StreamID: id, Code: http2.ErrCodeProtocol}
	case err != nil:
		return r.refuseCall(st, httpStatus, err)
	}
	r.startStream(st)
	return nil
}

// onBadHeaders handles HEADERS that the framer refuses. An error without a
// cause means that the padding was too long: the block was not decoded, so that
// HPACK's state is lost.
func (r *reader) onBadHeaders(err http2.StreamError) error {
	if err.Cause == nil || err.StreamID%2 == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	r.lastID = max(r.lastID, err.StreamID)
	return err
}

// onTrailers handles HEADERS of a stream that is or was open.
func (r *reader) onTrailers(f *http2.MetaHeadersFrame) error {
	r.mu.Lock()
	st, ignored := r.streams[f.StreamID], f.StreamID > r.lastOpen
	r.mu.Unlock()
	switch {
	case ignored:
		return nil
	case st == nil || st.halfClosed:
		return http2.ConnectionError(http2.ErrCodeStreamClosed)
	case !f.StreamEnded() || len(f.PseudoFields()) > 0:
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol}
	}
	return halfClose(st)
}

// halfClose closes the peer's side of st, which must not end within a message
// or before its content-length.
func halfClose(st *stream) error {
	if !st.halfClose() {
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol}
	}
	return nil
}

// onData handles a DATA frame.
func (r *reader) onData(fh http2.FrameHeader) error {
	n := int(fh.Length)
	if r.credit -= n; r.credit < 0 {
		return http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	r.replenish()
	payload, pad, err := r.in.padding(fh)
	if err != nil {
		return err
	}
	r.mu.Lock()
	st, ignored, excess := r.streams[fh.StreamID], fh.StreamID > r.lastOpen, false
	if st != nil {
		st.credit -= n
		excess = st.credit < 0
	}
	r.mu.Unlock()
	switch {
	case st == nil && ignored:
		return r.in.discard(payload+pad, nil)
	case st == nil && r.checkOpened(fh.StreamID) != nil:
		return r.checkOpened(fh.StreamID)
	case st == nil || st.halfClosed:
		return r.in.discard(payload+pad, http2.StreamError{StreamID: fh.StreamID, Code: http2.ErrCodeStreamClosed})
	case excess:
		return r.in.discard(payload+pad, http2.StreamError{StreamID: fh.StreamID, Code: http2.ErrCodeFlowControl})
	case !st.countContent(payload):
		return r.in.discard(payload+pad, http2.StreamError{StreamID: fh.StreamID, Code: http2.ErrCodeProtocol})
	}
	if err := r.fill(st, n, payload); err != nil {
		return err
	}
	if err := r.in.discard(pad, nil); err != nil {
		return err
	}
	if fh.Flags.Has(http2.FlagDataEndStream) {
		return halfClose(st)
	}
	return nil
}

// fill reads n bytes of messages for st. They cost the peer flow bytes of its
// credit.
func (r *reader) fill(st *stream, flow, n int) error {
	if !st.startFill() {
		return r.in.discard(n, nil)
	}
	err := r.readMessages(st, n)
	if credit := st.endFill(flow); credit > 0 {
		r.returnCredit(st, credit)
	}
	return err
}

// readMessages reads n bytes of messages for st. A message that is too long, or
// compressed, ends only its stream.
func (r *reader) readMessages(st *stream, n int) error {
	for n > 0 {
		taken, complete, err := st.next.read(r.in.br, n, r.srv.opts.MaxMessage, r.srv.opts.Pool)
		if _, ok := status.FromError(err); err != nil && !ok {
			return err
		}
		n -= taken
		if err != nil {
			st.fail(err)
			return r.in.discard(n, nil)
		}
		if complete {
			st.put(st.next.message())
		}
	}
	return nil
}

// replenish renews the credit of the connection when half of it is used. It
// never limits a stream: each stream has credit of its own.
func (r *reader) replenish() {
	full := int(max(r.srv.opts.ConnWindow, initialWindow))
	if r.credit > full/2 {
		return
	}
	r.mu.Lock()
	for !r.broken && r.out.batch.size > 2*maxQueued { // updates must not pile up for a peer that only sends
		r.progress.Wait()
	}
	r.out.windowUpdate(0, full-r.credit)
	r.signalWriter()
	r.mu.Unlock()
	r.credit = full
}
