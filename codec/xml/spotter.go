package xml

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

// holdsEnvelope is Format.HoldsEnvelope.
func holdsEnvelope(f *codec.Field, isHead func(text []byte) bool) bool {
	v := f.Value
	if f.Kind != codec.Raw || len(v) == 0 {
		return codec.HoldsEnvelope(v, isHead)
	}
	return hidesEnvelope(v[1:], isHead)
}

// hidesEnvelope is codec.HoldsEnvelope for well-formed content and attribute
// values, once references are resolved and CDATA is text.
func hidesEnvelope(p []byte, isHead func(text []byte) bool) bool {
	if codec.HoldsEnvelope(p, isHead) {
		return true
	}
	var s spotter
	for len(p) > 0 {
		k := bytes.Index(p, cdataStart)
		if k < 0 {
			k = len(p)
		}
		s.text(isHead, p[:k])
		if p = p[k:]; len(p) > 0 {
			end := bytes.Index(p, cdataEnd)
			s.plain(isHead, p[len(cdataStart):end])
			p = p[end+len(cdataEnd):]
		}
	}
	return s.Found()
}

// refusesValue reports whether an attribute value holds an envelope that g
// refuses.
func refusesValue(g *codec.Guard, value []byte, odd bool) bool {
	if g.Envelope == nil || len(value) < codec.HeadLen {
		return false
	}
	if codec.HoldsEnvelope(value, g.Envelope) {
		return true
	}
	if !odd {
		return false
	}
	var s spotter
	s.text(g.Envelope, value)
	return s.Found()
}

// A spotter looks for an envelope in text that comes in pieces or has
// references. A reference is never cut.
type spotter struct{ codec.Spotter }

// text reads a piece in which references are resolved.
func (s *spotter) text(isHead func([]byte) bool, piece []byte) {
	for {
		k := bytes.IndexByte(piece, '&')
		if k < 0 {
			s.plain(isHead, piece)
			return
		}
		s.plain(isHead, piece[:k])
		n, r, _ := scanReference(piece[k:])
		s.Char(byte(min(r, 0x80)), isHead)
		piece = piece[k+n:]
	}
}

// plain reads a piece in which & is a character. It searches the middle of a
// long piece fast.
func (s *spotter) plain(isHead func([]byte) bool, piece []byte) {
	if len(piece) >= 4*codec.HeadLen {
		s.each(isHead, piece[:codec.HeadLen])
		s.Skip(codec.HoldsEnvelope(piece, isHead))
		piece = piece[len(piece)-codec.HeadLen:]
	}
	s.each(isHead, piece)
}

func (s *spotter) each(isHead func([]byte) bool, piece []byte) {
	for _, c := range piece {
		s.Char(c, isHead)
	}
}
