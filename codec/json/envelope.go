package json

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

// cleanString is the length, quotes included, of the longest string that cannot
// hold an envelope.
const cleanString = codec.HeadLen + len(`""`) - 1

// holdsEnvelope is Format.HoldsEnvelope.
func holdsEnvelope(f *codec.Field, isHead func(text []byte) bool) bool {
	if f.Kind == codec.Literal {
		return hidesEnvelope(f.Value, isHead)
	}
	return codec.HoldsEnvelope(f.Value, isHead)
}

// refuses reports whether the inside of a string holds an envelope that g
// refuses.
func refuses(g *codec.Guard, inside []byte) bool {
	return g.Envelope != nil && hidesEnvelope(inside, g.Envelope)
}

// hidesEnvelope is codec.HoldsEnvelope for valid JSON, once its strings are
// unescaped.
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

// hidesText reports whether an escape in p means a character that an envelope
// can have. Encoders escape none of them.
func hidesText(p []byte) bool {
	for {
		k := bytes.Index(p, []byte(`\u00`))
		if k < 0 || len(p)-k < 6 {
			return false
		}
		if c := byte(hexDigit(p[k+4])<<4 | hexDigit(p[k+5])); c == '.' || codec.EnvelopeChar(c) {
			return true
		}
		p = p[k+4:]
	}
}

// A spotter looks for an envelope in a string that comes in pieces or has
// escapes. The zero value is at the beginning of a string.
type spotter struct {
	codec.Spotter
	escape bool  // after a backslash
	hex    uint8 // hex digits still to come
	code   rune  // the value of the digits that came
}

// next reads the next piece of a string. It searches the middle of a long piece
// fast.
func (s *spotter) next(isHead func([]byte) bool, piece []byte) {
	const enough = 4 * codec.HeadLen
	if len(piece) < enough || hidesText(piece) {
		s.add(isHead, piece)
		return
	}
	s.add(isHead, piece[:codec.HeadLen])
	// The tail must not begin in the middle of an escape. Behind a byte that is no
	// backslash it can begin only among hex digits, which begin no envelope.
	tail := len(piece) - codec.HeadLen
	for tail > 0 && piece[tail-1] == '\\' {
		tail--
	}
	s.Skip(codec.HoldsEnvelope(piece, isHead))
	s.escape, s.hex, s.code = false, 0, 0
	s.add(isHead, piece[tail:])
}

// add reads a piece of a string byte by byte.
func (s *spotter) add(isHead func([]byte) bool, piece []byte) {
	for _, c := range piece {
		switch {
		case s.hex > 0:
			s.code = s.code<<4 | hexDigit(c)
			if s.hex--; s.hex == 0 {
				s.Char(byte(min(s.code, 0x80)), isHead)
				s.code = 0
			}
		case s.escape:
			s.escape = false
			if c == 'u' {
				s.hex = 4
			} else {
				s.Char(0, isHead) // no character of an envelope has a short escape
			}
		case c == '\\':
			s.escape = true
		default:
			s.Char(c, isHead)
		}
	}
}

// hexDigit returns the value of a hex digit.
func hexDigit(c byte) rune {
	if c <= '9' {
		return rune(c - '0')
	}
	return rune((c | 0x20) - 'a' + 10)
}
