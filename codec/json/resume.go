package json

import "github.com/sealmesh/sealmesh/codec"

// resume reads the rest of the token that the last chunk cut.
func (s *scanner) resume(p []byte) int {
	t := s.token
	if len(p) == 0 {
		return 0
	}
	s.token = noToken
	switch t {
	case numberToken:
		return s.scanNumber(p, 0, s.number)
	case literalToken:
		return s.scanLiteral(p, 0, s.rest)
	}
	return s.resumeString(p, t)
}

// resumeString reads byte by byte to the end of the character that was cut,
// then fast.
func (s *scanner) resumeString(p []byte, t token) int {
	i := 0
	for s.part != (partString{}) {
		if i == len(p) {
			s.token = t
			if !s.keepPiece(p, t) {
				return -1
			}
			return i
		}
		if !s.part.step(p[i]) {
			return s.malformed(i, stringFault(p[i]))
		}
		i++
	}
	end, escaped, why := scanString(p, i)
	s.escaped = s.escaped || escaped
	switch why {
	case stopBad:
		return s.malformed(end, stringFault(p[end]))
	case stopMore:
		return s.cutString(p, 0, end, t)
	}
	if t == stringToken {
		if !s.endText(p[:end-1], end) {
			return -1
		}
		return s.endScalar(p, end)
	}
	if !s.endName(p[:end-1], end) {
		return -1
	}
	s.state = atColon
	return end
}

// cutString keeps the state of a string that the end of the chunk cuts. The
// inside begins at p[start]; from p[cut] on it is read byte by byte.
func (s *scanner) cutString(p []byte, start, cut int, t token) int {
	s.part = partString{}
	for i, c := range p[cut:] {
		if !s.part.step(c) {
			return s.malformed(cut+i, stringFault(c))
		}
		s.escaped = s.escaped || c == '\\'
	}
	s.token = t
	if !s.keepPiece(p[start:], t) {
		return -1
	}
	return len(p)
}

// malformed records that byte i of the chunk cannot be where it is.
func (s *scanner) malformed(i int, detail string) int { return s.fail(codec.Malformed, i, detail) }

// fail records the first error. Where a value or a name is longer than its
// limit already, that is the error: in smaller chunks the body would have
// failed there.
func (s *scanner) fail(code codec.Code, i int, detail string) int {
	at := s.base + int64(i)
	start, over := s.tags.Outgrown(at)
	switch {
	case over:
		code, at, detail = codec.ValueLimit, start, valueDetail
	case s.nameStart >= 0 && at-s.nameStart > int64(s.limits.NameBytes):
		code, at, detail = codec.NameLimit, s.nameStart, nameDetail
	}
	if s.err == nil {
		s.err = &codec.Error{Code: code, Offset: at, Detail: detail}
	}
	return -1
}

func stringFault(c byte) string {
	switch {
	case c < ' ':
		return "a control character in a string must be escaped"
	case c >= 0x80:
		return "a string is not UTF-8"
	}
	return "not an escape sequence, or a string that is not UTF-8"
}
