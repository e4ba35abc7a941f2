package csv

import "unicode/utf8"

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

// read reads a character that the piece cuts, or that may not be there. It
// returns the index after the piece, or that of the offending byte.
func (t *tail) read(p []byte, i int, quoted bool) (end int, ok bool) {
	if !t.begin(p[i], quoted) {
		return i, false
	}
	for i++; i < len(p); i++ {
		if !t.step(p[i]) {
			return i, false
		}
	}
	return i, true
}

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
