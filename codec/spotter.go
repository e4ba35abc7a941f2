package codec

import "bytes"

// A Spotter looks for an envelope in a string that is read character by
// character, because the string spans chunks or has escapes. For a string that
// is in one piece and has no escapes, [HoldsEnvelope] is faster. The zero value
// is ready for a new string.
type Spotter struct {
	text  [HeadLen]byte // what may be the head of an envelope
	n     int           // bytes of it
	found bool
}

// Found reports whether the string so far holds an envelope.
func (s *Spotter) Found() bool { return s.found }

// Skip passes over a piece of the string that the caller has searched by other
// means. found says whether that piece holds an envelope. The search starts
// again after the piece.
func (s *Spotter) Skip(found bool) { *s = Spotter{found: s.found || found} }

// Char reads the next character. isHead is Guard.Envelope. A character outside
// ASCII may be given as any byte above 0x7f.
func (s *Spotter) Char(c byte, isHead func(text []byte) bool) {
	switch {
	case s.n < len(envelopePrefix):
		if c != envelopePrefix[s.n] {
			s.n = 0
		}
		if c == envelopePrefix[s.n] {
			s.push(c)
		}
	case c == '.' && bytes.HasSuffix(s.text[:s.n], []byte(envelopePrefix[:3])):
		s.n = copy(s.text[:], envelopePrefix)
	case !EnvelopeChar(c):
		s.n = 0
	default:
		s.push(c)
		if s.n == HeadLen {
			s.found = s.found || isHead(s.text[:])
			s.restart()
		}
	}
}

func (s *Spotter) push(c byte) {
	s.text[s.n] = c
	s.n++
}

// restart begins again with as much of the prefix as the text ends with.
func (s *Spotter) restart() {
	for k := len(envelopePrefix) - 1; k >= 0; k-- {
		if bytes.HasSuffix(s.text[:s.n], []byte(envelopePrefix[:k])) {
			s.n = copy(s.text[:], envelopePrefix[:k])
			return
		}
	}
}

// EnvelopeChar reports whether c is one of base64url's characters, which follow
// the prefix of an envelope.
func EnvelopeChar(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_'
}
