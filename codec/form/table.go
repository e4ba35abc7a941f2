package form

import "github.com/sealmesh/sealmesh/codec"

// A class is what a byte means in a name.
type class uint8

// Classes of a byte in a name. Plain is zero, so that the loop over a name only
// collects bits.
const (
	namePlain   class = 0
	nameEnd     class = 1 << iota // & or =
	nameEscape                    // % or +
	nameDialect                   // a dialect may read it as something else: see isPlain
	nameBad                       // a semicolon, a control character, or a byte of a longer character
)

var nameClass = makeNameClass()

func makeNameClass() (t [256]class) {
	for c := range t {
		switch {
		case c < ' ', c == 0x7f, c >= 0x80, c == ';':
			t[c] = nameBad
		}
	}
	for _, c := range " .[](!" {
		t[c] = nameDialect
	}
	t['%'], t['+'] = nameEscape, nameEscape
	t['&'], t['='] = nameEnd, nameEnd
	return t
}

// A nameTable says which plain names need more than a comparison with all: bit
// n of the entry of a name's first byte is set if rules have such names of n
// bytes. A set bit is only a hint.
type nameTable [256]uint64

// longestHint is the length of the longest name that a nameTable knows.
const longestHint = 63

func newNameTable(sel *codec.Selector) (t nameTable) {
	for c := range t {
		if !isLetter(byte(c)) || sel != nil && sel.Folds() { // digits may be an index, _ begins _method
			t[c] = ^uint64(0)
		}
	}
	if sel == nil {
		return t
	}
	for _, name := range sel.Names() {
		if len(name) > 0 && len(name) <= longestHint {
			t[name[0]] |= 1 << len(name)
		}
	}
	return t
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// A charClass is what a byte means in a value.
type charClass uint8

const (
	charPlain   charClass = iota
	charSafe              // plain, and the encoder leaves it as it is
	charPlus              // a blank
	charEnd               // &
	charEscape            // %
	charEqual             // =
	charLong              // part of a character outside ASCII
	charControl           // never in a form
	charSemi              // ; which some readers take for &
	charBare              // a blank or #, which a query has only escaped
)

var charClasses = makeCharClasses()

func makeCharClasses() (t [256]charClass) {
	for c := range t {
		switch {
		case c < ' ', c == 0x7f:
			t[c] = charControl
		case c >= 0x80:
			t[c] = charLong
		case c-'0' <= 9 && c >= '0', c|0x20 >= 'a' && c|0x20 <= 'z' && c >= 'A':
			t[c] = charSafe
		}
	}
	for _, c := range "*-._" {
		t[c] = charSafe
	}
	t['+'], t['&'], t['%'], t['='], t[';'] = charPlus, charEnd, charEscape, charEqual, charSemi
	t[' '], t['#'] = charBare, charBare
	return t
}

// hexValue is the value of a hex digit, or -1.
var hexValue = makeHexValue()

func makeHexValue() (t [256]int8) {
	for c := range t {
		t[c] = -1
	}
	for i, c := range "0123456789ABCDEF" {
		t[c], t[c|0x20] = int8(i), int8(i)
	}
	return t
}
