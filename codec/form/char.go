package form

import "unicode/utf8"

// Fixed words of errors.
const (
	escapeDetail  = "not a percent sign and two hex digits"
	controlDetail = "a control character"
	semiDetail    = "a semicolon, which some readers take for an ampersand"
	utf8Detail    = "not UTF-8"

	printableDetail = "what no query has unless it is escaped"
)

// A char is a character that was read in part: an escape, or bytes of a
// character outside ASCII, which are all escaped or all not. The zero value is
// between two characters of a value.
type char struct {
	place   place
	digits  uint8 // of an escape that are still to come
	high    int8  // the first of them
	n       uint8 // bytes in buf
	escaped bool  // the bytes in buf were escaped
	buf     [utf8.UTFMax]byte
}

func (c *char) between() bool { return c.digits == 0 && c.n == 0 }

// step reads a byte that is not & at the end of a value. It returns "" or why
// the byte cannot be there.
func (c *char) step(b byte) (fault string) {
	if c.digits > 0 {
		v := hexValue[b]
		if v < 0 {
			return escapeDetail
		}
		if c.digits--; c.digits > 0 {
			c.high = v
			return ""
		}
		return c.add(byte(c.high)<<4|byte(v), true)
	}
	if b != '%' {
		return c.add(b, false)
	}
	if c.n > 0 && !c.escaped {
		return utf8Detail
	}
	c.digits = 2
	return ""
}

// add takes a byte of the decoded text.
func (c *char) add(b byte, escaped bool) (fault string) {
	switch {
	case c.n > 0 && escaped != c.escaped:
		return utf8Detail
	case b >= utf8.RuneSelf && !escaped && c.place&inQuery != 0:
		return printableDetail
	case c.n == 0 && b < utf8.RuneSelf:
		return asciiFault(b, escaped, c.place)
	}
	c.buf[c.n], c.escaped = b, escaped
	c.n++
	if !utf8.FullRune(c.buf[:c.n]) {
		return ""
	}
	if r, size := utf8.DecodeRune(c.buf[:c.n]); r == utf8.RuneError && size == 1 {
		return utf8Detail
	}
	c.n = 0
	return ""
}

// A place says where a character is.
type place uint8

const (
	inName  place = 1 << iota // not in a value
	inQuery                   // not in a form
)

// asciiFault returns "" or why b cannot be there. What people paste has control
// characters, which a browser escapes.
func asciiFault(b byte, escaped bool, at place) string {
	switch {
	case b == ';' && !escaped:
		return semiDetail
	case isControl(b) && (!escaped || b == 0 || at&inName != 0):
		return controlDetail
	case (b == ' ' || b == '#') && !escaped && at&inQuery != 0:
		return printableDetail
	}
	return ""
}

func isControl(b byte) bool { return b < ' ' || b == 0x7f }

// decode appends the text of s, whose escapes are valid.
func decode(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '+':
			dst = append(dst, ' ')
		case '%':
			dst = append(dst, byte(hexValue[s[i+1]])<<4|byte(hexValue[s[i+2]]))
			i += 2
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}
