package sse

import (
	"bytes"
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
)

// Fixed words of errors.
const (
	fieldDetail    = "a line is no comment and none of the fields data, event, id and retry"
	behindDetail   = "a comment behind data that ends with CR, which some readers take for data"
	textDetail     = "a line that is not data has a control character, another line end, or is not UTF-8"
	longDetail     = "a line that is not data is longer than the limit"
	envelopeDetail = "a line that is not data holds an envelope"
)

// readField reads a line that is not data.
func (s *scanner) readField(p []byte, at int64) (n int, err error) {
	n = lineLen(p)
	if s.line.Len()+n > s.limits.NameBytes {
		return 0, s.refuse(codec.NameLimit, s.lineStart, longDetail)
	}
	if n == len(p) {
		s.line.Add(p)
		return n, nil
	}
	if err := s.endField(p[:n], at+int64(n)); err != nil {
		return 0, err
	}
	s.endLine(p[n])
	return n + 1, nil
}

// endField checks a line that is not data, which ends with rest at an offset.
func (s *scanner) endField(rest []byte, end int64) error {
	line := rest
	if s.line.Len() > 0 {
		s.line.Add(rest)
		line = s.line.Bytes()
	}
	defer s.line.Drop()
	name, _, _ := bytes.Cut(line, []byte{':'})
	switch {
	case !isText(line):
		return s.refuse(codec.Malformed, s.lineStart, textDetail)
	case len(name) == 0: // a comment
	case string(name) == "event", string(name) == "id", string(name) == "retry":
	default:
		return s.refuse(codec.Malformed, s.lineStart, fieldDetail)
	}
	if s.isHead != nil && codec.HoldsEnvelope(line, s.isHead) {
		return s.refuse(codec.EnvelopeFound, end, envelopeDetail)
	}
	return nil
}

// isText reports whether a line is UTF-8 without characters at which some
// reader ends a line or a text.
func isText(line []byte) bool {
	for i := 0; i < len(line); {
		c := line[i]
		switch {
		case c < ' ' && c != '\t', c == 0x7f:
			return false
		case c < utf8.RuneSelf:
			i++
			continue
		}
		r, n := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && n == 1 || r == '\u0085' || r == '\u2028' || r == '\u2029' {
			return false
		}
		i += n
	}
	return true
}

// lineLen returns the length of p up to the first line end.
func lineLen(p []byte) int {
	if lf := bytes.IndexByte(p, '\n'); lf >= 0 {
		p = p[:lf]
	}
	if cr := bytes.IndexByte(p, '\r'); cr >= 0 {
		return cr
	}
	return len(p)
}

func isEnd(c byte) bool { return c == '\n' || c == '\r' }
