package transport

import (
	"bytes"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// maxRepeated is the longest header block that is remembered, in bytes.
const maxRepeated = 1 << 10

// A repeater remembers the last header block of a connection and what it said. Envoy opens
// stream after stream by the same bytes, and what they say is the same while HPACK's
// dynamic table is: so a block is remembered when it changes nothing there, and until one
// comes that may.
type repeater struct {
	block  []byte // empty: none is remembered
	fields []hpack.HeaderField
	head   http2.HeadersFrame
	frame  http2.MetaHeadersFrame
}

// headersFrame reads the payload of a HEADERS frame, and of the CONTINUATIONs that follow.
func (c *conn) headersFrame(fh http2.FrameHeader) (http2.Frame, error) {
	r := &c.repeat
	last := r.block
	r.block = r.block[:0]
	plain := fh.Flags&^http2.FlagHeadersEndStream == http2.FlagHeadersEndHeaders
	if !plain || fh.StreamID == 0 || fh.Length == 0 || fh.Length > maxRepeated {
		return c.framer.ReadFrameForHeader(fh)
	}
	block, err := c.br.Peek(int(fh.Length))
	if err != nil {
		return nil, err
	}
	if bytes.Equal(block, last) {
		r.block = last
		_, err := c.br.Discard(len(block))
		r.head = http2.HeadersFrame{FrameHeader: fh}
		r.frame = http2.MetaHeadersFrame{HeadersFrame: &r.head, Fields: r.fields}
		return &r.frame, err
	}
	if stable(block) {
		last = append(last[:0], block...)
	} else {
		last = last[:0]
	}
	f, err := c.framer.ReadFrameForHeader(fh)
	if meta, ok := f.(*http2.MetaHeadersFrame); ok && err == nil && !meta.Truncated {
		r.block, r.fields = last, meta.Fields
	}
	return f, err
}

// stable reports whether a header block leaves HPACK's dynamic table as it is: it has only
// indexed fields, and literals that are not to be indexed (RFC 7541 6.1, 6.2.2, 6.2.3).
func stable(block []byte) bool {
	ok := true
	for ok && len(block) > 0 {
		var index uint64
		switch first := block[0]; {
		case first&0x80 != 0:
			_, block, ok = integer(block, 7)
			continue
		case first&0x40 != 0, first&0x20 != 0: // to be indexed; a new size of the table
			return false
		}
		if index, block, ok = integer(block, 4); ok && index == 0 {
			block, ok = passString(block)
		}
		if ok {
			block, ok = passString(block)
		}
	}
	return ok
}

// integer reads an integer with a prefix of n bits (RFC 7541 5.1), as long as one may be here.
func integer(b []byte, n uint) (v uint64, rest []byte, ok bool) {
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

// passString passes over a string (RFC 7541 5.2).
func passString(b []byte) (rest []byte, ok bool) {
	n, b, ok := integer(b, 7)
	if !ok || n > uint64(len(b)) {
		return nil, false
	}
	return b[n:], true
}
