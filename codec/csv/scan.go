package csv

import (
	"math/bits"
	"unicode/utf8"
)

// scanPlain reads the rest of a field without quotes, and what ends it.
func (s *scanner) scanPlain(p []byte, i int) int {
	if i <= len(p)-8 && s.usual && s.start >= s.base && s.tags.Rule() < 0 && s.tail == (tail{}) {
		if i = s.skipFields(p, i); i < 0 || i == len(p) || s.state != inPlain {
			return i
		}
	}
	end := s.fieldEnd(p, i, &s.d.plain, s.d.stop)
	if end < 0 || end == len(p) {
		return end
	}
	switch s.d.plain[p[end]] {
	case quoteByte:
		return s.malformed(end, "a quote in a field without quotes")
	case badByte:
		return s.malformed(end, s.badDetail(p[end]))
	}
	return s.closeField(p, end)
}

// scanQuoted reads the rest of a field in quotes.
func (s *scanner) scanQuoted(p []byte, i int) int {
	end := s.fieldEnd(p, i, &s.d.quoted, '"'*ones)
	if end < 0 || end == len(p) {
		return end
	}
	if s.d.quoted[p[end]] == badByte {
		return s.malformed(end, s.badDetail(p[end]))
	}
	if s.base+int64(end) > s.start+1 && s.escapes(p, end) {
		return s.malformed(end, slashDetail)
	}
	s.state = afterQuote
	if end++; end < len(p) {
		return s.endQuoted(p, end)
	}
	return end
}

// endQuoted reads the byte after a quote in a field in quotes.
func (s *scanner) endQuoted(p []byte, i int) int {
	switch s.d.plain[p[i]] {
	case quoteByte:
		s.doubled, s.state = true, inQuoted
		return i + 1
	case delimiterByte, lfByte, crByte:
		return s.closeField(p, i)
	}
	return s.malformed(i, "text behind the quote that ends a field")
}

func (s *scanner) badDetail(c byte) string {
	if c == '"' {
		return "a quote, which readers of TSV take differently"
	}
	return "a control character"
}

// fieldEnd returns the index of the first byte from p[i] on that is neither
// plain nor part of a character outside ASCII. stop is as in [special].
func (s *scanner) fieldEnd(p []byte, i int, classes *[256]class, stop uint64) int {
	for s.tail != (tail{}) {
		if i == len(p) {
			return i
		}
		if !s.tail.step(p[i]) {
			return s.malformed(i, utfDetail)
		}
		i++
	}
	for {
		for i <= len(p)-8 {
			hit := special(p[i:], stop)
			if hit == 0 {
				i += 8
				continue
			}
			if i += bits.TrailingZeros64(hit) / 8; classes[p[i]] != plainByte {
				break
			}
			i++
		}
		for i < len(p) && classes[p[i]] == plainByte {
			i++
		}
		if i == len(p) || classes[p[i]] != runeByte {
			return i
		}
		if i = s.readRune(p, i); i < 0 || s.tail != (tail{}) {
			return i
		}
	}
}

// readRune reads the character outside ASCII that begins at p[i], or as much of
// it as there is.
func (s *scanner) readRune(p []byte, i int) int {
	if n := runeLen(p[i:], s.quoted); n > 0 {
		return i + n
	}
	if !s.tail.begin(p[i], s.quoted) {
		return s.malformed(i, utfDetail)
	}
	for i++; i < len(p) && s.tail != (tail{}); i++ {
		if !s.tail.step(p[i]) {
			return s.malformed(i, utfDetail)
		}
	}
	return i
}

// runeLen returns the length of the character that p begins with, or 0 where
// the character is incomplete or may not be there.
func runeLen(p []byte, quoted bool) int {
	if c := p[0]; c > 0xC2 && c < 0xE0 && len(p) > 1 && p[1]&0xC0 == 0x80 {
		return 2
	}
	r, n := utf8.DecodeRune(p)
	if r == utf8.RuneError && n < 3 || !quoted && isLineEnd(r) {
		return 0
	}
	return n
}

const utfDetail = "bytes that are not UTF-8, or a line end of Unicode outside quotes"

// A tail is what may follow the part of a character that was read. The zero
// value is between two characters.
type tail struct {
	n, lo, hi uint8
	line      lineEnd
}

// A lineEnd says which of the next bytes make the character a line end.
type lineEnd uint8

const (
	noLineEnd lineEnd = iota
	nextLine          // 0x85: U+0085
	general           // 0x80, and then as separator
	separator         // 0xa8 and 0xa9: U+2028, U+2029
)

// begin reads the first byte of a character.
func (t *tail) begin(c byte, quoted bool) bool {
	*t = tail{lo: 0x80, hi: 0xBF}
	switch {
	case c < 0xC2 || c > 0xF4:
		return false
	case c < 0xE0:
		t.n = 1
	case c < 0xF0:
		t.n = 2
	default:
		t.n = 3
	}
	switch c {
	case 0xC2:
		t.line = nextLine
	case 0xE0:
		t.lo = 0xA0
	case 0xE2:
		t.line = general
	case 0xED:
		t.hi = 0x9F
	case 0xF0:
		t.lo = 0x90
	case 0xF4:
		t.hi = 0x8F
	}
	if quoted {
		t.line = noLineEnd
	}
	return true
}

// step reads the next byte.
func (t *tail) step(c byte) bool {
	if c < t.lo || c > t.hi {
		return false
	}
	switch {
	case t.line == nextLine && c == 0x85, t.line == separator && c&^1 == 0xA8:
		return false
	case t.line == general && c == 0x80:
		t.line = separator
	default:
		t.line = noLineEnd
	}
	t.n--
	t.lo, t.hi = 0x80, 0xBF
	if t.n == 0 {
		*t = tail{}
	}
	return true
}
