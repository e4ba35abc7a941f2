package grpc

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/coding"
)

// maxDecoded is how many bytes of decoded frames are given on at once, with one
// message more. A longer chunk is read as several.
const maxDecoded = 1 << 20

// A coded writer decodes the compressed messages of a body for another Writer,
// and encodes again those that it has changed. The other Writer sees frames
// that have their flags, and messages that are not compressed.
type coded struct {
	inner codec.Writer
	protocol
	coding   coding.Coding
	ratio    int
	longest  int              // message
	messages *coding.Messages // nil before the first compressed message

	at   int64      // bytes of the body so far
	held codec.Held // the frame that is incomplete: its head, or all of it if it is compressed
	need int        // bytes of that
	pass int        // bytes that are still to come of a frame that is not compressed

	body   codec.Held // decoded frames for inner
	base   int64      // where body is in the decoded body
	frames []origin   // of body, and before them the last of the body so far
	coded  []recoded  // the compressed frames of body
	came   codec.Held // those frames as they came

	out, again codec.Output // of inner, and of one message
	parts      [][]byte     // of a message in out
	broken     *codec.Error // what is wrong with a frame that inner will refuse
	brokenAt   int64
	err        error
}

// An origin is where a frame is in the decoded body and in the body.
type origin struct {
	decoded, came int64
	coded         bool
}

// A recoded frame was compressed.
type recoded struct {
	from, to     int // where it is in coded.came
	begin, after int // where its message is in coded.body
}

var codedWriters = sync.Pool{New: func() any { return new(coded) }}

func newCoded(inner codec.Writer, p protocol, b *codec.Body, longest int) *coded {
	w := codedWriters.Get().(*coded)
	w.inner, w.protocol, w.coding, w.need, w.longest = inner, p, coding.Of(b.Encoding), head, longest
	w.ratio = b.Limits.WithDefaults().Ratio
	return w
}

// Write implements [codec.Writer].
func (w *coded) Write(out *codec.Output, p []byte) error {
	for len(p) > 0 && w.err == nil && w.broken == nil {
		p = p[w.read(p):]
		if w.body.Len() >= maxDecoded {
			w.flush(out)
		}
	}
	if w.err == nil {
		w.flush(out)
	}
	return w.err
}

// read reads a piece of a frame, and returns its length.
func (w *coded) read(p []byte) (n int) {
	if w.pass > 0 {
		n = min(w.pass, len(p))
		w.body.Add(p[:n])
		w.pass -= n
		w.at += int64(n)
		return n
	}
	n = min(w.need-w.held.Len(), len(p))
	w.held.Add(p[:n])
	if w.at += int64(n); w.held.Len() == w.need {
		w.readFrame(w.held.Bytes())
	}
	return n
}

// readFrame reads a frame of which so much is there as was needed.
func (w *coded) readFrame(frame []byte) {
	start, size := w.at-int64(len(frame)), binary.BigEndian.Uint32(frame[1:])
	flag := frame[0]
	isCoded := flag == compressed || w.isLast(flag) && flag&compressed != 0
	long := int64(size) > int64(w.longest)
	if isCoded && !long && w.need == head && size > 0 {
		w.need += int(size)
		return
	}
	w.frames = append(w.frames, origin{w.base + int64(w.body.Len()), start, isCoded})
	switch {
	case !isCoded:
		w.body.Add(frame)
		w.pass = int(size)
	case long:
		w.spoil(frame, start+1, codec.TooLarge, longDetail)
	case size == 0: // an empty message, whether compressed or not
		w.record(frame, w.body.Len()+head)
		w.body.Add(frame)
	default:
		w.decode(frame, start)
	}
	w.held.Drop()
	w.need = head
}

// decode adds a compressed frame to the body.
func (w *coded) decode(frame []byte, start int64) {
	if w.messages == nil {
		w.messages = coding.NewMessages(w.coding, w.ratio)
	}
	at := w.body.Len()
	w.body.Add(frame[:head])
	err := w.messages.Decode(&w.body, frame[head:], w.longest)
	if err == nil {
		binary.BigEndian.PutUint32(w.body.Bytes()[at+1:], uint32(w.body.Len()-at-head))
		w.record(frame, at+head)
		w.coded[len(w.coded)-1].after = w.body.Len()
		return
	}
	code := codec.Malformed
	if e, ok := errors.AsType[*coding.Error](err); ok {
		code = [...]codec.Code{codec.Malformed, codec.Unsupported, codec.TooLarge}[e.Fault]
	}
	w.body.Bytes()[at] = spoiled
	w.broken, w.brokenAt = w.failure(code, start, "a compressed message cannot be decoded, or becomes too long"), w.base+int64(at)
}

// record notes a compressed frame, whose message begins at begin in the body.
func (w *coded) record(frame []byte, begin int) {
	from := w.came.Len()
	w.came.Add(frame)
	w.coded = append(w.coded, recoded{from, w.came.Len(), begin, begin})
}

// spoiled is a flag that no protocol has.
const spoiled = 0xfe

// spoil refuses the body at a frame, once inner has refused what is before it.
func (w *coded) spoil(frame []byte, at int64, code codec.Code, detail string) {
	w.broken, w.brokenAt = w.failure(code, at, detail), w.base+int64(w.body.Len())
	w.body.Add(frame)
	w.body.Bytes()[w.body.Len()-len(frame)] = spoiled
}

func (w *coded) failure(code codec.Code, at int64, detail string) *codec.Error {
	return &codec.Error{Format: w.name, Code: code, Offset: at, Detail: detail}
}

// flush gives the decoded frames to inner, and encodes what that writes.
func (w *coded) flush(out *codec.Output) {
	if w.body.Len() == 0 {
		return
	}
	w.settle(out, w.inner.Write(&w.out, w.body.Bytes()))
	w.base += int64(w.body.Len())
	w.body.Drop()
	w.came.Drop()
	if n := len(w.frames); n > 0 {
		w.frames[0] = w.frames[n-1]
		w.frames = w.frames[:1]
	}
	w.coded = w.coded[:0]
}

// settle takes what inner has returned, and encodes what it has written.
func (w *coded) settle(out *codec.Output, err error) {
	if e, ok := errors.AsType[*codec.Error](err); ok {
		if w.broken != nil && e.Offset == w.brokenAt {
			err = w.broken
		} else {
			moved := *e
			moved.Offset = w.origin(e.Offset)
			err = &moved
		}
	}
	if err == nil {
		err = w.encode(out)
	}
	w.out.Reset()
	w.err = err
}

// origin returns where an offset of the decoded body is in the body: in a
// compressed frame, the beginning of the frame.
func (w *coded) origin(at int64) int64 {
	for i := len(w.frames) - 1; i >= 0; i-- {
		switch f := &w.frames[i]; {
		case at < f.decoded:
		case f.coded:
			return f.came
		default:
			return f.came + at - f.decoded
		}
	}
	return at
}

// Close implements [codec.Writer].
func (w *coded) Close(out *codec.Output) error {
	if w.err != nil {
		return w.err
	}
	if w.held.Len() > 0 { // a part of a frame, which inner refuses
		w.frames = append(w.frames, origin{w.base + int64(w.body.Len()), w.at - int64(w.held.Len()), false})
		w.body.Add(w.held.Bytes())
		w.flush(out)
	}
	if w.err == nil {
		w.settle(out, w.inner.Close(&w.out))
	}
	return w.err
}

// Free implements [codec.Writer].
func (w *coded) Free() {
	w.inner.Free()
	if w.messages != nil {
		w.messages.Free()
	}
	w.held.Drop()
	w.body.Drop()
	w.came.Drop()
	w.out.Reset()
	clear(w.parts)
	*w = coded{frames: w.frames[:0], coded: w.coded[:0], out: w.out, again: w.again, parts: w.parts[:0]}
	codedWriters.Put(w)
}
