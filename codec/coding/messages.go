package coding

import (
	"errors"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/sealmesh/sealmesh/codec"
)

// Messages decodes and encodes messages of one body, each of which is coded by
// itself, as those of gRPC are. It refuses what [Decoder] refuses; the ratio is
// that of all messages so far. Not safe for concurrent use.
type Messages struct {
	coding  Coding
	ratio   int64
	came    int64 // bytes of the coded messages
	left    int64 // bytes of the decoded messages
	src     source
	reader  messageReader // nil before the first message
	buf     *[]byte
	encoder *Encoder // nil before the first message
}

// A messageReader is what decoders have in common that read one message after
// another.
type messageReader interface {
	io.Reader
	Reset(r io.Reader) error
}

// NewMessages returns what decodes messages of coding c, and refuses them once
// they are more than ratio times as long decoded.
func NewMessages(c Coding, ratio int) *Messages {
	return &Messages{coding: c, ratio: int64(ratio), buf: codec.GetBuffer(chunk)}
}

// Decode adds to dst what the message p decodes to. A message that is longer
// than most is refused as [TooLong].
func (m *Messages) Decode(dst *codec.Held, p []byte, most int) error {
	if err := inspectMessage(m.coding, p); err != nil {
		return err
	}
	m.came += int64(len(p))
	m.src = source{p: p, end: true}
	if err := m.reset(); err != nil {
		return &Error{Malformed, notCoded}
	}
	for idle, n := 0, 0; ; {
		k, err := m.read()
		n, m.left = n+k, m.left+int64(k)
		if n > most || m.left > RatioFrom && m.left > m.ratio*m.came {
			return &Error{TooLong, tooLong}
		}
		dst.Add((*m.buf)[:k])
		if idle++; k > 0 {
			idle = 0
		}
		switch {
		case errors.Is(err, io.EOF) && len(m.src.p) > 0:
			return &Error{Malformed, "bytes follow the end"}
		case errors.Is(err, io.EOF):
			return nil
		case err != nil, idle > maxIdle:
			return &Error{Malformed, notCoded}
		}
	}
}

// read reads a piece of a message into m.buf.
func (m *Messages) read() (n int, err error) {
	defer func() {
		if recover() != nil { // in a decoder: a body must not end the process
			n, err = 0, &Error{Malformed, "the decoder failed"}
		}
	}()
	return m.reader.Read((*m.buf)[:chunk])
}

// reset readies the reader for a message.
func (m *Messages) reset() error {
	if m.reader != nil {
		return m.reader.Reset(&m.src)
	}
	switch m.coding {
	case Gzip:
		m.reader = new(oneMember)
	case Brotli:
		m.reader = brotli.NewReader(nil)
	default:
		r, err := newZstd(nil)
		if err != nil {
			return err
		}
		m.reader = r
	}
	return m.reader.Reset(&m.src)
}

// oneMember is a reader of gzip that stops after one member.
type oneMember struct{ gzip.Reader }

// Reset implements messageReader.
func (r *oneMember) Reset(src io.Reader) error {
	err := r.Reader.Reset(src)
	r.Multistream(false)
	return err
}

// inspectMessage refuses what the decoders would take.
func inspectMessage(c Coding, p []byte) error {
	switch {
	case len(p) == 0:
		return &Error{Malformed, notCoded}
	case c == Zstd:
		var f frame
		return f.read(p)
	case c == Brotli && 1<<brotliBits(p[0]) > MaxWindow:
		return &Error{Unsupported, longWindow}
	}
	return nil
}

// newZstd returns a decoder of zstd with the limits of this package.
func newZstd(r io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(MaxWindow))
}

// Encode adds to out the message that pieces make, encoded.
func (m *Messages) Encode(out *codec.Output, pieces [][]byte) error {
	if m.encoder == nil {
		e, err := NewEncoder(m.coding)
		if err != nil {
			return err
		}
		m.encoder = e
	}
	for _, p := range pieces {
		if err := m.encoder.Write(out, p); err != nil {
			return err
		}
	}
	err := m.encoder.Close(out)
	m.encoder.w.Reset(&m.encoder.sink)
	return err
}

// Free clears what m holds. Call it once, on every path.
func (m *Messages) Free() {
	codec.PutBuffer(m.buf)
	m.buf = nil
	if m.encoder != nil {
		m.encoder.Free()
		m.encoder = nil
	}
}
