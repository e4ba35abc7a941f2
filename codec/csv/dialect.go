package csv

import (
	"encoding/binary"
	"strings"
)

// A class is what a byte is, in a field with or without quotes.
type class uint8

const (
	plainByte class = iota
	delimiterByte
	quoteByte
	lfByte
	crByte
	runeByte // part of a character outside ASCII
	badByte
)

// usual are the delimiters that other dialects use.
const usual = ",;|\t"

// A dialect is how the lines of a body are written. It is immutable.
type dialect struct {
	name      string // of the format
	delimiter byte
	quotes    bool // fields can be in quotes
	header    bool // the first line has the names of the columns
	mark      bool // a byte order mark is allowed
	refuse    bool // a byte order mark is refused
	backslash bool // a backslash is data everywhere

	plain  [256]class // of bytes outside quotes
	quoted [256]class // of bytes inside quotes
	stop   uint64     // the delimiter, eight times
	others string     // the usual delimiters that are not this one's
}

// names returns what the parameter header of a media type must say.
func (d *dialect) names() string {
	if d.header {
		return "present"
	}
	return "absent"
}

// escapes reports whether the byte before p[i] is a backslash that a reader may
// take for an escape. slash says that an earlier piece ends with one.
func (d *dialect) escapes(p []byte, i int, slash bool) bool {
	if i > 0 {
		slash = p[i-1] == '\\'
	}
	return slash && !d.backslash
}

// fault says why c, of class badByte, may not be in a field.
func (d *dialect) fault(c byte) string {
	if c == '"' {
		return "a quote, which readers of TSV take differently"
	}
	return "a control character"
}

const ones, highs = 0x0101010101010101, 0x8080808080808080

// newDialect returns a dialect with the defaults.
func newDialect(name string, delimiter byte, quotes bool) *dialect {
	d := &dialect{name: name, quotes: quotes, header: true}
	d.delimit(delimiter)
	return d
}

// delimit sets the delimiter, and what depends on it.
func (d *dialect) delimit(delimiter byte) {
	d.delimiter, d.stop = delimiter, uint64(delimiter)*ones
	d.others = strings.ReplaceAll(usual, string(delimiter), "")
	for c := range 256 {
		k := plainByte
		switch {
		case c >= 0x80:
			k = runeByte
		case c < ' ' && c != '\t':
			k = badByte
		}
		d.plain[c], d.quoted[c] = k, k
	}
	d.quoted['\r'], d.quoted['\n'], d.quoted['"'] = plainByte, plainByte, quoteByte
	d.plain['\r'], d.plain['\n'], d.plain['"'] = crByte, lfByte, quoteByte
	if !d.quotes {
		d.plain['"'] = badByte
	}
	d.plain[delimiter] = delimiterByte
}

// special looks at eight bytes at once. The lowest bit that is set is the high
// bit of the first byte that is below ' ', past 0x7f, a quote, or equal to the
// byte that stop repeats. A borrow can set bits above that bit, never below.
func special(p []byte, stop uint64) uint64 {
	x := binary.LittleEndian.Uint64(p)
	return ((x - ' '*ones) | ((x ^ '"'*ones) - ones) | ((x ^ stop) - ones) | x) & highs
}

// isLineEnd reports whether r, which is outside ASCII, ends a line for readers
// that split lines by Unicode, as Python's splitlines does.
func isLineEnd(r rune) bool { return r == '\u0085' || r == '\u2028' || r == '\u2029' }
