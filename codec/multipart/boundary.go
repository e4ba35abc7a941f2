package multipart

import (
	"bytes"
	"math/bits"

	"github.com/sealmesh/sealmesh/codec"
)

// maxBoundary is the length of the longest boundary (RFC 2046 §5.1.1).
const maxBoundary = 70

// A delimiter is the line end, the dashes and the boundary that end a part.
type delimiter struct {
	text [len("\r\n--") + maxBoundary]byte
	n    int
	// places has a bit for each place where dashed has a byte, of the first
	// maxPlaces.
	places [256]uint64
}

const maxPlaces = 64

// set takes the boundary from the parameters of the media type.
func (d *delimiter) set(p codec.Params) (fault string) {
	if !p.Only("boundary", "charset") {
		return "a parameter of the media type is neither boundary nor charset"
	}
	b, ok := p.Get("boundary")
	switch {
	case !ok || b == "":
		return "the media type has no boundary"
	case len(b) > maxBoundary:
		return "the boundary is longer than 70 bytes"
	case !plainBoundary(b):
		return "the boundary has a character that is not a letter, a digit or one of - _ . +"
	}
	d.n = copy(d.text[:], "\r\n--")
	d.n += copy(d.text[d.n:], b)
	for k, c := range d.dashed()[:min(d.n-len("\r\n"), maxPlaces)] {
		d.places[c] |= 1 << k
	}
	return ""
}

// plainBoundary reports whether b has only characters that every reader takes
// for a part of the boundary, and that stand beside no value in the text of a
// document. PHP ends a boundary at a comma, and others at a blank, a quote or
// an equals sign. The client of Dart has plus signs.
func plainBoundary(b string) bool {
	for i := range len(b) {
		switch c := b[i]; {
		case c-'0' <= 9, c|0x20 >= 'a' && c|0x20 <= 'z':
		case c == '-', c == '_', c == '.', c == '+':
		default:
			return false
		}
	}
	return true
}

// whole is what ends a part.
func (d *delimiter) whole() []byte { return d.text[:d.n] }

// dashed is the delimiter without its line end.
func (d *delimiter) dashed() []byte { return d.text[len("\r\n"):d.n] }

// index returns the index of the first boundary in p, or -1. Of content that is
// nothing like the boundary, it looks at two bytes for each length of the
// boundary: a boundary there has both side by side.
func (d *delimiter) index(p []byte) int {
	text := d.dashed()
	stride, last := min(len(text), maxPlaces)-1, len(text)-1
	for i := stride - 1; i+1 < len(p); i += stride {
		for both := d.places[p[i]] & (d.places[p[i+1]] >> 1); both != 0; {
			k := bits.Len64(both) - 1
			end := i - k + last
			if end < len(p) && p[end] == text[last] && bytes.Equal(p[i-k:end+1], text) {
				return i - k
			}
			both &^= 1 << k
		}
	}
	return -1
}

// pending returns how many bytes at the end of p may begin a delimiter, or a
// boundary where none may be.
func (d *delimiter) pending(p []byte) int {
	p = p[max(0, len(p)-d.n+1):]
	for i, c := range p {
		rest := p[i:]
		if c == '\r' && bytes.HasPrefix(d.whole(), rest) || c == '-' && bytes.HasPrefix(d.dashed(), rest) {
			return len(rest)
		}
	}
	return 0
}
