package coding

import (
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/sealmesh/sealmesh/codec"
)

// EncoderMemory is about what an Encoder takes, in bytes.
const EncoderMemory = 1 << 20

// window is how far back an Encoder looks, in bytes.
const (
	windowBits = 18
	window     = 1 << windowBits
)

// An Encoder encodes one body at the fastest level, into Outputs. Not safe for
// concurrent use.
type Encoder struct {
	w    flusher
	sink sink
	came int64 // bytes
}

// A flusher is what encoders have in common.
type flusher interface {
	io.WriteCloser
	Flush() error
	Reset(w io.Writer)
}

// A sink writes to an Output.
type sink struct{ out *codec.Output }

// Write implements [io.Writer].
func (s *sink) Write(p []byte) (int, error) {
	s.out.Put(p)
	return len(p), nil
}

// NewEncoder returns an Encoder of c.
func NewEncoder(c Coding) (*Encoder, error) {
	e := new(Encoder)
	var err error
	switch c {
	case Gzip:
		e.w, err = newGzip(&e.sink)
	case Brotli:
		e.w = brotli.NewWriterOptions(&e.sink, brotli.WriterOptions{Quality: 1, LGWin: windowBits})
	default:
		e.w, err = zstd.NewWriter(&e.sink, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	}
	return e, err
}

// Write encodes p, and adds to out what can leave.
func (e *Encoder) Write(out *codec.Output, p []byte) error {
	e.sink.out = out
	e.came += int64(len(p))
	_, err := e.w.Write(p)
	return err
}

// Flush adds to out all that was written, so that a reader can decode it.
func (e *Encoder) Flush(out *codec.Output) error {
	e.sink.out = out
	return e.w.Flush()
}

// Close adds to out the end of the body.
func (e *Encoder) Close(out *codec.Output) error {
	e.sink.out = out
	return e.w.Close()
}

// Free recycles what e encodes with. Call it once, on every path.
func (e *Encoder) Free() {
	if w, ok := e.w.(*gzip.Writer); ok {
		putGzip(w, e.came)
	}
	e.w, e.sink.out = nil, nil
}
