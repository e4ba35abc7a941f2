package grpc

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/protobuf"
)

// A writer rewrites a body that is a sequence of frames.
type writer struct {
	protobuf.Rewriter
	protocol
	table    *protobuf.Table // of the messages
	streams  bool            // there may be more than one
	response bool
	decoded  bool // messages with the flag compressed were decoded
	messages int  // so far, up to 1
	over     bool // the last frame was read
}

var writers = sync.Pool{New: func() any { return new(writer) }}

var errUnchecked = errors.New("grpc: Body.Checked is not what Check returned")

// newWriter is Format.Writer.
func newWriter(p protocol, b *codec.Body) (codec.Writer, error) {
	m, unknown, err := methodOf(p, b, b.Path)
	if err != nil {
		return nil, err
	}
	table, streams := m.Types[b.Direction], m.Streams[b.Direction]
	w := writers.Get().(*writer)
	w.decoded = isCoded(b)
	w.protocol, w.table, w.streams, w.response = p, table, streams, b.Direction == codec.Response
	w.messages, w.over = 0, false
	w.Begin(w, p.name, b, unknown)
	if w.decoded {
		return newCoded(w, p, b, w.Longest()), nil
	}
	return w, nil
}

// Scan implements [protobuf.Framing].
func (w *writer) Scan(p []byte) (n, need int, ok bool) {
	for n < len(p) {
		frame := p[n:]
		if len(frame) < head {
			return n, head, true
		}
		size := binary.BigEndian.Uint32(frame[1:])
		if !w.takes(frame[0], size, n) {
			return 0, 0, false
		}
		end := head + int(size)
		if len(frame) < end {
			return n, end, true
		}
		if !w.frame(p, n, n+end) {
			return 0, 0, false
		}
		if n += end; w.Full() {
			break
		}
	}
	return n, 0, true
}

// takes reports whether a frame may come at offset at. It refuses the body
// otherwise.
func (w *writer) takes(flag byte, size uint32, at int) bool {
	code, detail := w.fault(flag, w.over, w.response, w.decoded)
	switch {
	case code != "":
		w.Refuse(code, at, detail)
	case !w.isLast(flag) && !w.streams && w.messages > 0:
		w.Refuse(codec.Malformed, at, "the method has one message, and the body has more")
	case int64(size) > int64(w.Longest()):
		w.Refuse(codec.TooLarge, at+1, longDetail)
	default:
		return true
	}
	return false
}

// frame reads a whole frame, which is p[from:end].
func (w *writer) frame(p []byte, from, end int) bool {
	if w.isLast(p[from]) {
		w.over = true
		return w.Text(p[from+head:end], from+head)
	}
	w.messages = 1
	return w.Message(w.table, p, from+1, from+head, end)
}

// Free implements [codec.Writer].
func (w *writer) Free() {
	w.End()
	w.table = nil
	writers.Put(w)
}
