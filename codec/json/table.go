package json

// A class is what a byte begins, or what it means inside a string.
type class uint8

// Classes of the first byte of a value.
const (
	noValue class = iota
	stringValue
	numberValue
	literalValue
	objectValue
	arrayValue
)

var valueClass = [256]class{
	'"': stringValue,
	'-': numberValue,
	'0': numberValue, '1': numberValue, '2': numberValue, '3': numberValue, '4': numberValue,
	'5': numberValue, '6': numberValue, '7': numberValue, '8': numberValue, '9': numberValue,
	't': literalValue, 'f': literalValue, 'n': literalValue,
	'{': objectValue,
	'[': arrayValue,
}

var isSpace = [256]bool{' ': true, '\t': true, '\n': true, '\r': true}

// Classes of a byte in a string. Plain is zero, so that the tight loop compares
// with zero.
const (
	plainByte class = iota
	quoteByte
	escapeByte
	controlByte
	lead2     // C2..DF
	lead3     // E1..EC, EE, EF
	lead3low  // E0: the second byte is A0..BF, or the form is overlong
	lead3surr // ED: the second byte is 80..9F, or it is a surrogate half
	lead4     // F1..F3
	lead4low  // F0: the second byte is 90..BF, or the form is overlong
	lead4high // F4: the second byte is 80..8F, or it is past U+10FFFF
	badByte   // 80..C1, F5..FF never lead
)

var stringClass = makeStringClass()

func makeStringClass() (t [256]class) {
	for c := range t {
		switch {
		case c < ' ':
			t[c] = controlByte
		case c < 0x80:
			t[c] = plainByte
		case c < 0xC2:
			t[c] = badByte
		case c < 0xE0:
			t[c] = lead2
		case c < 0xF0:
			t[c] = lead3
		case c < 0xF5:
			t[c] = lead4
		default:
			t[c] = badByte
		}
	}
	t['"'], t['\\'] = quoteByte, escapeByte
	t[0xE0], t[0xED], t[0xF0], t[0xF4] = lead3low, lead3surr, lead4low, lead4high
	return t
}

// A runeTail is what must follow a lead byte: n continuation bytes, the first
// in lo..hi and the others in 80..BF (RFC 3629 §4).
type runeTail struct{ n, lo, hi uint8 }

var runeTails = [...]runeTail{
	lead2:     {1, 0x80, 0xBF},
	lead3:     {2, 0x80, 0xBF},
	lead3low:  {2, 0xA0, 0xBF},
	lead3surr: {2, 0x80, 0x9F},
	lead4:     {3, 0x80, 0xBF},
	lead4low:  {3, 0x90, 0xBF},
	lead4high: {3, 0x80, 0x8F},
	badByte:   {},
}

// escapeMeaning is the character of a two-character escape, or 0: see
// codec.UnescapeJSON.
var escapeMeaning = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func isHex(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f'
}
