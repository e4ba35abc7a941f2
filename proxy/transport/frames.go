package transport

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	readBuffer  = 32 << 10 // bytes; longer DATA payloads bypass it
	hpackTable  = 4096     // bytes, RFC 9113 section 6.5.2's default
	maxRepeated = 1 << 10  // longest header block that is remembered, in bytes
)

// A frameReader reads frames from a socket. It leaves DATA payloads to its
// user, who copies them from br to where they belong.
type frameReader struct {
	br     *bufio.Reader
	framer *http2.Framer

	// Envoy opens stream after stream with the same header block. While HPACK's
	// dynamic table stays the same, so does the block's meaning: a block that
	// leaves the table alone is remembered until one comes that may change it.
	block  []byte // empty: no block is remembered
	fields []hpack.HeaderField
	head   http2.HeadersFrame
	meta   http2.MetaHeadersFrame
}

func newFrameReader(socket io.Reader) frameReader {
	br := bufio.NewReaderSize(socket, readBuffer)
	f := frameReader{br: br, framer: http2.NewFramer(nil, br)}
	f.framer.SetReuseFrames()
	f.framer.SetMaxReadFrameSize(maxFrame)
	f.framer.MaxHeaderListSize = maxHeaders
	f.framer.ReadMetaHeaders = hpack.NewDecoder(hpackTable, nil)
	return f
}

// readPreface reads the client's connection preface (RFC 9113 section 3.4).
func (f *frameReader) readPreface() error {
	var preface [len(http2.ClientPreface)]byte
	if _, err := io.ReadFull(f.br, preface[:]); err != nil {
		return err
	}
	if string(preface[:]) != http2.ClientPreface {
		return errors.New("the client does not speak HTTP/2")
	}
	return nil
}

// header reads the header of the next frame.
func (f *frameReader) header() (http2.FrameHeader, error) { return f.framer.ReadFrameHeader() }

// payload reads the frame that fh begins, which is not DATA. The frame is valid
// until the next call.
func (f *frameReader) payload(fh http2.FrameHeader) (http2.Frame, error) {
	if fh.Type != http2.FrameHeaders {
		return f.framer.ReadFrameForHeader(fh)
	}
	last := f.block
	f.block = f.block[:0]
	plain := fh.Flags&^http2.FlagHeadersEndStream == http2.FlagHeadersEndHeaders
	if !plain || fh.StreamID == 0 || fh.Length == 0 || fh.Length > maxRepeated {
		return f.framer.ReadFrameForHeader(fh)
	}
	block, err := f.br.Peek(int(fh.Length))
	if err != nil {
		return nil, err
	}
	if bytes.Equal(block, last) {
		f.block = last
		_, err := f.br.Discard(len(block))
		f.head = http2.HeadersFrame{FrameHeader: fh}
		f.meta = http2.MetaHeadersFrame{HeadersFrame: &f.head, Fields: f.fields}
		return &f.meta, err
	}
	if stable(block) {
		last = append(last[:0], block...)
	} else {
		last = last[:0]
	}
	frame, err := f.framer.ReadFrameForHeader(fh)
	if meta, ok := frame.(*http2.MetaHeadersFrame); ok && err == nil && !meta.Truncated {
		f.block, f.fields = last, meta.Fields
	}
	return frame, err
}

// padding reads how a DATA frame is divided into payload and padding, in bytes.
func (f *frameReader) padding(fh http2.FrameHeader) (payload, pad int, err error) {
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
	b, err := f.br.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	if pad = int(b); pad > n-1 {
		return 0, 0, http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return n - 1 - pad, pad, nil
}

// discard skips n bytes, and returns err unless the socket fails.
func (f *frameReader) discard(n int, err error) error {
	if _, short := f.br.Discard(n); short != nil {
		return short
	}
	return err
}

// stable reports whether a header block leaves HPACK's dynamic table alone: it
// has only indexed fields, and literals that are not indexed (RFC 7541 sections
// 6.1, 6.2.2 and 6.2.3).
func stable(block []byte) bool {
	ok := true
	for ok && len(block) > 0 {
		var index uint64
		switch first := block[0]; {
		case first&0x80 != 0:
			_, block, ok = readInteger(block, 7)
			continue
		case first&0x40 != 0, first&0x20 != 0: // a literal to be indexed; a new table size
			return false
		}
		if index, block, ok = readInteger(block, 4); ok && index == 0 {
			block, ok = skipString(block)
		}
		if ok {
			block, ok = skipString(block)
		}
	}
	return ok
}

// readInteger reads an integer with a prefix of n bits (RFC 7541 section 5.1).
// It refuses integers of more than four bytes after the prefix.
func readInteger(b []byte, n uint) (v uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	most := uint64(1)<<n - 1
	v, b = uint64(b[0])&most, b[1:]
	if v < most {
		return v, b, true
	}
	for shift := uint(0); len(b) > 0 && shift < 28; shift += 7 {
		c := b[0]
		v, b = v+uint64(c&0x7f)<<shift, b[1:]
		if c&0x80 == 0 {
			return v, b, true
		}
	}
	return 0, nil, false
}

// skipString skips a string (RFC 7541 section 5.2).
func skipString(b []byte) (rest []byte, ok bool) {
	n, b, ok := readInteger(b, 7)
	if !ok || n > uint64(len(b)) {
		return nil, false
	}
	return b[n:], true
}
