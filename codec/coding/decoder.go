package coding

import (
	"errors"
	"io"
	"iter"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"github.com/sealmesh/sealmesh/codec"
)

const (
	chunk = 64 << 10
	// decoderBytes is about what a decoder takes beside its window, in bytes.
	decoderBytes = 256 << 10
	// maxIdle is how often in a row a decoder may read without a result.
	maxIdle = 100
)

// A Decoder decodes one body, which comes in pieces. The decoders of all
// codings read from a source, so each runs in a coroutine, which waits wherever
// the source has no more bytes yet. Not safe for concurrent use.
type Decoder struct {
	coding Coding
	ratio  int64
	came   int64 // bytes of the coded body
	left   int64 // bytes of the decoded body
	buf    *[]byte
	src    source
	frame  frame // of zstd
	window int
	next   func() ([]byte, bool)
	stop   func()
	ended  bool
	err    error
}

// NewDecoder returns a Decoder that refuses a body which is more than ratio
// times as long once it is decoded.
func NewDecoder(c Coding, ratio int) *Decoder {
	d := &Decoder{coding: c, ratio: int64(ratio), buf: codec.GetBuffer(chunk)}
	d.next, d.stop = iter.Pull(d.run)
	return d
}

// Memory returns how many bytes of memory d takes, as far as the body has shown
// that.
func (d *Decoder) Memory() int { return decoderBytes + d.window }

// Write decodes the next piece of the body and gives what it decodes to emit,
// which must not keep it.
func (d *Decoder) Write(p []byte, emit func(p []byte) error) error {
	if d.err != nil || len(p) == 0 {
		return d.err
	}
	if d.err = d.inspect(p); d.err != nil {
		return d.err
	}
	d.came += int64(len(p))
	d.src.p = p
	d.err = d.pull(emit)
	return d.err
}

// Close ends the body. It fails if the body is incomplete.
func (d *Decoder) Close(emit func(p []byte) error) error {
	if d.err == nil {
		d.src.end = true
		d.err = d.pull(emit)
	}
	return d.err
}

// Free ends the coroutine and clears what d holds. Call it once, on every path.
func (d *Decoder) Free() {
	d.stop()
	codec.PutBuffer(d.buf)
	d.buf = nil
}

// inspect refuses what the decoders would take.
func (d *Decoder) inspect(p []byte) error {
	switch {
	case d.ended:
		return &Error{Malformed, "bytes follow the end"}
	case d.coding == Zstd:
		err := d.frame.read(p)
		d.window = d.frame.window
		return err
	case d.came > 0:
	case d.coding == Gzip:
		d.window = 32 << 10
	default:
		d.window = 1 << brotliBits(p[0])
		if d.window > MaxWindow {
			return &Error{Unsupported, longWindow}
		}
	}
	return nil
}

// brotliBits returns WBITS, by the first byte of a body (RFC 7932 §9.1). For
// what the RFC reserves, and for large windows, it returns 30.
func brotliBits(c byte) int {
	switch n, m := int(c>>1&7), int(c>>4&7); {
	case c&1 == 0:
		return 16
	case n != 0:
		return 17 + n
	case m == 0:
		return 17
	case m > 1:
		return 8 + m
	}
	return 30
}

// pull gives decoded bytes to emit until the decoder needs more of the body.
func (d *Decoder) pull(emit func(p []byte) error) error {
	for !d.ended {
		p, more := d.next()
		switch {
		case d.src.err != nil:
			return d.src.err
		case !more:
			d.ended = true
		case p == nil:
			return nil
		default:
			d.left += int64(len(p))
			if d.left > RatioFrom && d.left > d.ratio*d.came {
				return &Error{TooLong, tooLong}
			}
			if err := emit(p); err != nil {
				return err
			}
		}
	}
	if len(d.src.p) > 0 {
		return &Error{Malformed, "bytes follow the end"}
	}
	return nil
}

// run is the coroutine. It yields decoded bytes, and nil where it needs more of
// the body.
func (d *Decoder) run(yield func([]byte) bool) {
	d.src.yield = yield
	defer func() {
		if recover() != nil { // in a decoder: a body must not end the process
			d.src.err = &Error{Malformed, "the decoder failed"}
		}
	}()
	r, err := d.open()
	for idle := 0; err == nil; {
		n := 0
		n, err = r.Read((*d.buf)[:chunk])
		switch {
		case n == 0:
			if idle++; idle > maxIdle && err == nil {
				err = io.ErrNoProgress
			}
		case !yield((*d.buf)[:n]):
			return
		default:
			idle = 0
		}
	}
	if !errors.Is(err, io.EOF) || r == nil {
		d.src.err = &Error{Malformed, notCoded}
	}
}

// open returns the decoder of the coding.
func (d *Decoder) open() (io.Reader, error) {
	switch d.coding {
	case Gzip:
		r, err := gzip.NewReader(&d.src)
		if err != nil {
			return nil, err
		}
		r.Multistream(false)
		return r, nil
	case Brotli:
		return brotli.NewReader(&d.src), nil
	}
	r, err := newZstd(&d.src)
	if err != nil {
		return nil, err
	}
	return r, nil
}

var errStopped = errors.New("coding: the decoder was freed")

// A source is where a decoder reads from.
type source struct {
	p     []byte
	end   bool // p is the last
	yield func([]byte) bool
	err   error // of the decoder
}

// wait waits for bytes.
func (s *source) wait() error {
	for len(s.p) == 0 {
		if s.end {
			return io.EOF
		}
		if !s.yield(nil) {
			return errStopped
		}
	}
	return nil
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	if err := s.wait(); err != nil {
		return 0, err
	}
	n := copy(p, s.p)
	s.p = s.p[n:]
	return n, nil
}

// ReadByte implements [io.ByteReader]: the decoder of gzip then reads no byte
// past the end of a member.
func (s *source) ReadByte() (byte, error) {
	if err := s.wait(); err != nil {
		return 0, err
	}
	c := s.p[0]
	s.p = s.p[1:]
	return c, nil
}
