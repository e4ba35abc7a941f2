package transport

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/mem"
)

// An outbox queues what a connection is about to write. conn.mu guards it.
type outbox struct {
	window   int64 // what may be sent on the connection, in bytes
	initial  int64 // window of a new stream, in bytes
	maxFrame int   // longest payload that the peer accepts, in bytes
	control  int   // queued frames that only answer the peer's: see maxControl
	batch    *batch
	last     frame         // last DATA frame of batch; id 0: none
	spare    *batch        // takes the place of batch while that is written; nil meanwhile
	framer   *http2.Framer // writes to batch
	hpack    *hpack.Encoder
	block    bytes.Buffer // what hpack writes to
}

func (o *outbox) init() {
	o.window, o.initial, o.maxFrame = initialWindow, initialWindow, maxFrame
	o.batch, o.spare = new(batch), new(batch)
	o.framer = http2.NewFramer(o, nil)
	o.hpack = hpack.NewEncoder(&o.block)
}

// Write queues what framer writes.
func (o *outbox) Write(p []byte) (int, error) {
	o.batch.copy(p)
	return len(p), nil
}

// The framer writes to memory and gets valid arguments, so that the errors that
// are ignored below cannot happen.

func (o *outbox) settings(opts *Options) {
	list := [...]http2.Setting{
		{ID: http2.SettingInitialWindowSize, Val: uint32(max(opts.Window, initialWindow))},
		{ID: http2.SettingMaxHeaderListSize, Val: maxHeaders},
		{ID: http2.SettingMaxConcurrentStreams, Val: opts.Streams},
	}
	n := len(list)
	if opts.Streams == 0 {
		n-- // 0 would forbid all streams
	}
	_ = o.framer.WriteSettings(list[:n]...)
	if more := opts.ConnWindow - initialWindow; more > 0 {
		_ = o.framer.WriteWindowUpdate(0, uint32(more))
	}
}

func (o *outbox) settingsAck() {
	o.control++
	_ = o.framer.WriteSettingsAck()
}

func (o *outbox) ping(ack bool, data [8]byte) {
	o.control++
	_ = o.framer.WritePing(ack, data)
}

func (o *outbox) reset(id uint32, code http2.ErrCode) { _ = o.framer.WriteRSTStream(id, code) }

func (o *outbox) goAway(last uint32, code http2.ErrCode) { _ = o.framer.WriteGoAway(last, code, nil) }

func (o *outbox) windowUpdate(id uint32, n int) { _ = o.framer.WriteWindowUpdate(id, uint32(n)) }

// headers queues a header block in one frame. Ours always fit: see maxText.
func (o *outbox) headers(id uint32, end bool, fields ...hpack.HeaderField) {
	o.block.Reset()
	for _, f := range fields {
		_ = o.hpack.WriteField(f)
	}
	_ = o.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: o.block.Bytes(), EndStream: end, EndHeaders: true,
	})
}

// data queues the next n bytes of m. It extends the last DATA frame if that is
// of the same stream and still last: a frame costs the peer more than its
// bytes.
func (o *outbox) data(id uint32, n int, m *outgoing) {
	if f := &o.last; f.id != id || f.end != o.batch.size || f.n+n > o.maxFrame {
		var head [9]byte
		head[3] = byte(http2.FrameData)
		binary.BigEndian.PutUint32(head[5:], id)
		*f = frame{id: id, head: len(o.batch.small)}
		o.batch.copy(head[:])
	}
	o.last.n += n
	putLength(o.batch.small[o.last.head:], o.last.n)
	m.move(o.batch, n)
	o.last.end = o.batch.size
	o.window -= int64(n)
}

// A frame is a queued DATA frame.
type frame struct {
	id   uint32
	head int // where the frame begins in batch.small
	n    int // length of the payload
	end  int // batch.size at its end
}

// putLength writes the payload's length into a frame header.
func putLength(head []byte, n int) { head[0], head[1], head[2] = byte(n>>16), byte(n>>8), byte(n) }

// An outgoing is a message that is being queued.
type outgoing struct {
	prefix [prefixLen]byte
	rest   []byte // part of prefix that is not queued
	data   mem.BufferSlice
	at     int // bytes of data[0] that are queued
}

// init begins a message, and returns its length with the prefix.
func (m *outgoing) init(data mem.BufferSlice) (length int) {
	n := data.Len()
	binary.BigEndian.PutUint32(m.prefix[1:], uint32(n))
	m.rest, m.data = m.prefix[:], data
	return prefixLen + n
}

// move moves the next n bytes to b, long runs by reference.
func (m *outgoing) move(b *batch, n int) {
	k := min(n, len(m.rest))
	b.copy(m.rest[:k])
	m.rest = m.rest[k:]
	for n -= k; n > 0; n -= k {
		piece := m.data[0]
		s := piece.ReadOnlyData()[m.at:]
		k = min(n, len(s))
		b.add(s[:k], piece)
		if m.at += k; k == len(s) {
			m.data, m.at = m.data[1:], 0
		}
	}
}
