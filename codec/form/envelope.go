package form

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

// holdsEnvelope is Format.HoldsEnvelope.
func holdsEnvelope(f *codec.Field, isHead func(text []byte) bool) bool {
	if f.Kind == codec.Raw {
		return hidesEnvelope(f.Value[1:], isHead)
	}
	return codec.HoldsEnvelope(f.Value, isHead)
}

// hidesEnvelope is codec.HoldsEnvelope for a valid value as it is in a body.
func hidesEnvelope(p []byte, isHead func(text []byte) bool) bool {
	if codec.HoldsEnvelope(p, isHead) {
		return true
	}
	if !hidesText(p) {
		return false
	}
	var s spotter
	s.add(isHead, p)
	return s.Found()
}

// hidesText reports whether an escape in p, which is valid, means a character
// that an envelope can have. Encoders escape none of them.
func hidesText(p []byte) bool {
	for {
		k := bytes.IndexByte(p, '%')
		if k < 0 || len(p)-k < 3 {
			return false
		}
		if c := unhex(p[k+1], p[k+2]); c == '.' || codec.EnvelopeChar(c) {
			return true
		}
		p = p[k+3:]
	}
}

func unhex(high, low byte) byte { return byte(hexValue[high])<<4 | byte(hexValue[low]) }

// spotted reports whether the value that ends with piece holds an envelope.
func (d *document) spotted(piece []byte) bool {
	if !d.cut {
		return d.guard.Envelope != nil && len(piece) >= codec.HeadLen && hidesEnvelope(piece, d.guard.Envelope)
	}
	d.spot.next(d.guard.Envelope, piece)
	found := d.spot.Found()
	d.spot, d.cut = spotter{}, false
	return found
}

// A spotter looks for an envelope in a value that comes in pieces or has
// escapes. The zero value is at the beginning of a value.
type spotter struct {
	codec.Spotter
	digits uint8 // of an escape that are still to come
	high   byte  // the first of them
}

// next reads the next piece of a value. It searches the middle of a long piece
// without escapes fast.
func (s *spotter) next(isHead func([]byte) bool, piece []byte) {
	const enough = 4 * codec.HeadLen
	if len(piece) < enough || bytes.IndexByte(piece, '%') >= 0 {
		s.add(isHead, piece)
		return
	}
	s.add(isHead, piece[:codec.HeadLen])
	s.Skip(codec.HoldsEnvelope(piece, isHead))
	s.add(isHead, piece[len(piece)-codec.HeadLen:])
}

// add reads a piece of a value byte by byte.
func (s *spotter) add(isHead func([]byte) bool, piece []byte) {
	for _, c := range piece {
		switch {
		case s.digits == 2:
			s.digits, s.high = 1, c
		case s.digits == 1:
			s.digits = 0
			s.Char(unhex(s.high, c), isHead)
		case c == '%':
			s.digits = 2
		default:
			s.Char(c, isHead)
		}
	}
}
