package transport

import (
	"encoding/binary"
	"io"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// Messages are received in pieces of these lengths, in bytes, so that memory follows what
// came and not what a prefix announced.
const (
	firstPiece = 16 << 10
	nextPiece  = 64 << 10
)

// prefixLen is the length of what precedes a message: a flag, and its length.
const prefixLen = 5

// An inbox puts the messages of a stream together from DATA frames.
type inbox struct {
	prefix [prefixLen]byte
	filled int // of prefix
	left   int // of the message, to come, in bytes
	whole  mem.BufferSlice
	piece  *[]byte // what follows whole; nil until there is something to put in
	at     int     // how much of piece has come
}

// partial reports whether a message has begun and not ended.
func (in *inbox) partial() bool { return in.filled > 0 }

// free gives up what there is of a message.
func (in *inbox) free(pool mem.BufferPool) {
	in.whole.Free()
	if in.piece != nil {
		pool.Put(in.piece)
	}
	*in = inbox{}
}

// take reads up to n bytes from r into the inbox, and returns how many. It stops at the end
// of a message, which is then in whole.
func (in *inbox) take(r io.Reader, n, most int, pool mem.BufferPool) (taken int, complete bool, err error) {
	if in.filled < prefixLen {
		taken = min(n, prefixLen-in.filled)
		if _, err := io.ReadFull(r, in.prefix[in.filled:in.filled+taken]); err != nil {
			return 0, false, err
		}
		if in.filled += taken; in.filled < prefixLen {
			return taken, false, nil
		}
		if err := in.begin(most); err != nil {
			return taken, false, err
		}
		if n -= taken; n == 0 || in.left == 0 {
			return taken, in.left == 0, nil
		}
	}
	if in.piece == nil {
		most := firstPiece
		if len(in.whole) > 0 {
			most = nextPiece
		}
		in.piece, in.at = pool.Get(min(in.left, most)), 0
	}
	k := min(n, len(*in.piece)-in.at)
	if _, err := io.ReadFull(r, (*in.piece)[in.at:in.at+k]); err != nil {
		return 0, false, err
	}
	in.at += k
	in.left -= k
	if in.at == len(*in.piece) {
		in.whole = append(in.whole, mem.NewBuffer(in.piece, pool))
		in.piece = nil
	}
	return taken + k, in.left == 0, nil
}

// begin reads the prefix.
func (in *inbox) begin(most int) error {
	if in.prefix[0] != 0 {
		return status.Error(codes.Unimplemented, "compressed messages are not supported")
	}
	n := binary.BigEndian.Uint32(in.prefix[1:])
	if uint64(n) > uint64(most) {
		return status.Errorf(codes.ResourceExhausted, "a message of %d bytes is longer than %d", n, most)
	}
	in.left = int(n)
	return nil
}

// complete returns the message that take completed.
func (in *inbox) complete() mem.BufferSlice {
	m := in.whole
	in.whole, in.filled = nil, 0
	return m
}

// data takes a DATA frame.
func (c *conn) data(fh http2.FrameHeader) error {
	n := int(fh.Length)
	if c.credit -= n; c.credit < 0 {
		return http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	c.replenish()
	payload, pad, err := c.padding(fh)
	if err != nil {
		return err
	}
	c.mu.Lock()
	st, after, excess := c.streams[fh.StreamID], fh.StreamID > c.accepted, false
	if st != nil {
		st.credit -= n
		excess = st.credit < 0
	}
	c.mu.Unlock()
	switch {
	case st == nil && after:
		return c.discard(payload+pad, nil)
	case st == nil && c.known(fh.StreamID) != nil:
		return c.known(fh.StreamID)
	case st == nil || st.silent:
		return c.discard(payload+pad, http2.StreamError{StreamID: fh.StreamID, Code: http2.ErrCodeStreamClosed})
	case excess:
		return c.discard(payload+pad, http2.StreamError{StreamID: fh.StreamID, Code: http2.ErrCodeFlowControl})
	}
	if st.due >= 0 {
		if st.due -= int64(payload); st.due < 0 {
			return c.discard(payload+pad, http2.StreamError{StreamID: fh.StreamID, Code: http2.ErrCodeProtocol})
		}
	}
	if err := c.fill(st, n, payload); err != nil {
		return err
	}
	if err := c.discard(pad, nil); err != nil {
		return err
	}
	if fh.Flags.Has(http2.FlagDataEndStream) {
		return st.halfClose()
	}
	return nil
}

// padding reads how the frame is divided.
func (c *conn) padding(fh http2.FrameHeader) (payload, pad int, err error) {
	n := int(fh.Length)
	if fh.StreamID == 0 {
		return 0, 0, http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if !fh.Flags.Has(http2.FlagDataPadded) {
		return n, 0, nil
	}
	if n == 0 {
		return 0, 0, http2.ConnectionError(http2.ErrCodeFrameSize)
	}
	b, err := c.br.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	if pad = int(b); pad > n-1 {
		return 0, 0, http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return n - 1 - pad, pad, nil
}

// discard passes over n bytes, and returns err.
func (c *conn) discard(n int, err error) error {
	if _, short := c.br.Discard(n); short != nil {
		return short
	}
	return err
}

// fill reads n bytes of messages for st, which count as flow bytes against its window.
func (c *conn) fill(st *stream, flow, n int) error {
	if !st.fillable() {
		return c.discard(n, nil)
	}
	err := c.messages(st, n)
	if credit := st.filled(flow); credit > 0 {
		c.restore(st, credit)
	}
	return err
}

// messages reads n bytes of messages for st. What a peer does wrong within a stream ends that only.
func (c *conn) messages(st *stream, n int) error {
	for n > 0 {
		taken, complete, err := st.in.take(c.br, n, c.srv.opts.MaxMessage, c.srv.opts.Pool)
		if _, ok := status.FromError(err); err != nil && !ok {
			return err
		}
		n -= taken
		if err != nil {
			st.fail(err)
			return c.discard(n, nil)
		}
		if complete {
			st.deliver(st.in.complete())
		}
	}
	return nil
}

// replenish opens the connection's window again. It never limits a stream: each has a
// window of its own.
func (c *conn) replenish() {
	whole := int(max(c.srv.opts.ConnWindow, initialWindow))
	if c.credit > whole/2 {
		return
	}
	c.mu.Lock()
	for !c.broken && c.out.batch.size > 2*maxQueued { // or updates would pile up before a peer that only sends
		c.room.Wait()
	}
	c.out.windowUpdate(0, whole-c.credit)
	c.wakeWriter()
	c.mu.Unlock()
	c.credit = whole
}

// restore gives n bytes back to the window of st, as soon as it is worth a frame.
func (c *conn) restore(st *stream, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st.owed += n; st.owed < int(c.srv.opts.Window)/4 || c.streams[st.id] != st {
		return
	}
	c.out.windowUpdate(st.id, st.owed)
	st.credit += st.owed
	st.owed = 0
	c.wakeWriter()
}
