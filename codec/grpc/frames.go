package grpc

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// frames is the [codec.Scanner] of frames whose messages are documents. It
// holds a message until it is complete: its length is before it, and a seal
// changes that.
type frames struct {
	protocol
	tags     *codec.Splicer
	data     codec.Scanner                                            // of every message
	holds    func(f *codec.Field, isHead func(text []byte) bool) bool // of the format of data
	envelope func(text []byte) bool
	response bool
	decoded  bool // messages with the flag compressed were decoded
	longest  int
	over     bool // the last frame was read

	start, end int64      // of the frame being read; the end once the head is known
	head       [head]byte // so far
	n          int        // bytes of it
}

var framesPool = sync.Pool{New: func() any { return new(frames) }}

// scanFrames is Format.Scan.
func scanFrames(p protocol, data *codec.Format, b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
	if !b.Params.Only("charset") {
		return nil, &codec.Error{Code: codec.BadParams, Detail: paramDetail}
	}
	f := framesPool.Get().(*frames)
	f.protocol, f.tags, f.response, f.decoded, f.longest = p, tags, b.Direction == codec.Response, isCoded(&b), longestMessage(&b)
	b.Params = ""
	if sel := b.At.Selector(); sel != nil {
		c, ok := b.Checked.(*checkedJSON)
		if !ok {
			f.Free()
			return nil, errUnchecked
		}
		f.holds, f.envelope = data.HoldsEnvelope, sel.Guard().Envelope
		b.At, b.Checked = c.sel.Root(), c.data
	}
	var err error
	if f.data, err = data.Scan(b, tags); err != nil {
		f.Free()
		return nil, err
	}
	return f, nil
}

// Scan implements [codec.Scanner].
func (f *frames) Scan(p []byte, base int64) error {
	for at := 0; ; f.n, f.start = 0, f.end {
		k := copy(f.head[f.n:], p[at:])
		f.n += k
		if f.n < head {
			break
		}
		if k > 0 {
			if err := f.begin(); err != nil {
				return err
			}
		}
		if base+int64(len(p)) < f.end {
			break
		}
		if err := f.read(f.tags.Bytes(f.start+head, f.end)); err != nil {
			return err
		}
		at = int(f.end - base)
	}
	if f.n > 0 {
		f.tags.Hold(f.start)
	}
	return nil
}

// begin reads the head of a frame.
func (f *frames) begin() error {
	size := binary.BigEndian.Uint32(f.head[1:])
	if code, detail := f.fault(f.head[0], f.over, f.response, f.decoded); code != "" {
		return f.tags.Refuse(code, f.start, detail)
	}
	if int64(size) > int64(f.longest) {
		return f.tags.Refuse(codec.TooLarge, f.start+1, longDetail)
	}
	f.end = f.start + head + int64(size)
	return nil
}

// read reads a whole message.
func (f *frames) read(message []byte) error {
	from := f.start + head
	if f.isLast(f.head[0]) {
		f.over = true
		if f.envelope != nil && (codec.HoldsEnvelope(message, f.envelope) || f.holds(&codec.Field{Kind: codec.Literal, Value: message}, f.envelope)) {
			return f.tags.Refuse(codec.EnvelopeFound, from, "the last frame holds an envelope where none may be")
		}
		return nil
	}
	err := f.data.Scan(message, from)
	if err == nil {
		err = f.data.End(f.end)
	}
	if e, ok := errors.AsType[*codec.Error](err); ok && e.Code == codec.Truncated {
		return f.tags.Refuse(codec.Malformed, e.Offset, "a message ends before its value does")
	}
	if err != nil {
		return err
	}
	f.tags.Framed(f.start+1, f.end)
	return f.tags.Record(f.end)
}

// End implements [codec.Scanner].
func (f *frames) End(at int64) error {
	if f.n > 0 {
		return f.tags.Refuse(codec.Truncated, at, cutDetail)
	}
	f.start, f.over = at, false
	return nil
}

// Free implements [codec.Scanner].
func (f *frames) Free() {
	if f.data != nil {
		f.data.Free()
	}
	*f = frames{}
	framesPool.Put(f)
}
