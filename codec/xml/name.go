package xml

import "unicode/utf8"

// Classes of a byte in a name.
const (
	noName    class = iota // ends a name
	nameStart              // may begin a name
	nameByte               // may follow
	colonByte
	highByte // of a character outside ASCII
)

var nameClass = makeNameClass()

func makeNameClass() (t [256]class) {
	for c := range t {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c == '_':
			t[c] = nameStart
		case c-'0' >= 0 && c-'0' <= 9, c == '-', c == '.':
			t[c] = nameByte
		case c == ':':
			t[c] = colonByte
		case c >= 0x80:
			t[c] = highByte
		}
	}
	return t
}

// A runeRange is a range of characters.
type runeRange struct{ first, last rune }

// startRanges are the characters outside ASCII that may begin a name, and
// nameRanges are those that may only follow (XML 1.0, fifth edition, 4 and 4a).
var (
	startRanges = [...]runeRange{
		{0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x2FF}, {0x370, 0x37D}, {0x37F, 0x1FFF}, {0x200C, 0x200D},
		{0x2070, 0x218F}, {0x2C00, 0x2FEF}, {0x3001, 0xD7FF}, {0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF},
	}
	nameRanges = [...]runeRange{{0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}}
)

func inRanges(r rune, ranges []runeRange) bool {
	for _, x := range ranges {
		if r >= x.first && r <= x.last {
			return true
		}
	}
	return false
}

// scanName reads a qualified name from p[i] (Namespaces in XML 1.0, 7): one
// colon at most, with a name on each side. It returns the index after the name,
// or of the offending byte, and the index of the colon, or -1. A name that ends
// with the piece may continue in the next one.
func scanName(p []byte, i int) (end, colon int, why stop) {
	colon = -1
	first := true // of a name on either side of the colon
	for i < len(p) {
		switch nameClass[p[i]] {
		case nameStart:
			first = false
			for i++; i < len(p) && nameClass[p[i]]-nameStart <= nameByte-nameStart; {
				i++
			}
			continue
		case nameByte:
			if first {
				return i, colon, stopBad
			}
		case colonByte:
			if first || colon >= 0 {
				return i, colon, stopBad
			}
			colon, first = i, true
		case highByte:
			n, why := scanNameRune(p[i:], first)
			if why != stopEnd {
				return i, colon, why
			}
			first = false
			i += n
			continue
		default:
			if first {
				return i, colon, stopBad
			}
			return i, colon, stopEnd
		}
		i++
	}
	return i, colon, stopMore
}

// scanNameRune reads a character outside ASCII of a name.
func scanNameRune(p []byte, first bool) (n int, why stop) {
	if n, why = scanRune(p); why != stopEnd {
		return n, why
	}
	r, _ := utf8.DecodeRune(p)
	if inRanges(r, startRanges[:]) || !first && inRanges(r, nameRanges[:]) {
		return n, stopEnd
	}
	return 0, stopBad
}
