package transport

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/mem"
)

// An outbox holds what a connection is about to write. It is guarded by the connection's mu.
type outbox struct {
	window   int64 // what may be sent on the connection, in bytes
	initial  int64 // the window of a new stream
	maxFrame int   // the longest payload that the peer takes
	control  int   // queued frames that only answer the peer's
	batch    *batch
	last     frame         // the last DATA frame of batch; id 0: none
	spare    *batch        // for the time that batch is being written
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

// Write is how framer queues.
func (o *outbox) Write(p []byte) (int, error) {
	o.batch.copy(p)
	return len(p), nil
}

// What the framer writes goes to memory, so that its errors could only be ours; those of
// arguments are impossible here.

func (o *outbox) settings(opts *Options) {
	list := [...]http2.Setting{
		{ID: http2.SettingInitialWindowSize, Val: uint32(max(opts.Window, initialWindow))},
		{ID: http2.SettingMaxHeaderListSize, Val: maxHeaders},
		{ID: http2.SettingMaxConcurrentStreams, Val: opts.Streams},
	}
	n := len(list)
	if opts.Streams == 0 {
		n-- // to say 0 would mean none
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

// headers queues a header block, in one frame: ours are short, but for the message of a
// status, which is cut.
func (o *outbox) headers(id uint32, end bool, fields ...hpack.HeaderField) {
	o.block.Reset()
	for _, f := range fields {
		_ = o.hpack.WriteField(f)
	}
	_ = o.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: o.block.Bytes(), EndStream: end, EndHeaders: true,
	})
}

// data queues the next n bytes of m: in the last DATA frame, when that is of the same stream
// and nothing came after it, since each frame costs the peer more than its bytes.
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

// A frame is a DATA frame that is queued.
type frame struct {
	id   uint32
	head int // where it begins in batch.small
	n    int // its payload, in bytes
	end  int // of batch.size, with it
}

// putLength writes the length of a payload to a frame's header.
func putLength(head []byte, n int) { head[0], head[1], head[2] = byte(n>>16), byte(n>>8), byte(n) }

// An outgoing is a message on its way out.
type outgoing struct {
	prefix [prefixLen]byte
	rest   []byte // of prefix
	data   mem.BufferSlice
	at     int // in data[0]
}

func (m *outgoing) init(data mem.BufferSlice) (length int) {
	n := data.Len()
	binary.BigEndian.PutUint32(m.prefix[1:], uint32(n))
	m.rest, m.data = m.prefix[:], data
	return prefixLen + n
}

// move puts the next n bytes into b, long runs by reference.
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
