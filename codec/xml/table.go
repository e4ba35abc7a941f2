package xml

import (
	"encoding/binary"
	"math/bits"
)

// A class is what a byte means, in text or in a name.
type class uint8

// Classes of a byte in text. Plain is zero, so that the tight loop compares
// with zero.
const (
	plainByte   class = iota // tabs and line feeds included
	lessByte                 // <
	refByte                  // &
	greaterByte              // >
	returnByte               // carriage return
	controlByte              // illegal below ' '
	lead2                    // C2..DF
	lead3                    // E1..EC, EE
	lead3low                 // E0: the second byte is A0..BF, or the form is overlong
	lead3surr                // ED: the second byte is 80..9F, or it is a surrogate half
	lead3high                // EF: U+FFFE and U+FFFF are no characters of XML
	lead4                    // F1..F3
	lead4low                 // F0: the second byte is 90..BF, or the form is overlong
	lead4high                // F4: the second byte is 80..8F, or it is past U+10FFFF
	badByte                  // 80..C1, F5..FF never lead
)

var textClass = makeTextClass()

func makeTextClass() (t [256]class) {
	for c := range t {
		switch {
		case c < ' ':
			t[c] = controlByte
		case c < 0x80:
			t[c] = plainByte
		case c < 0xC2, c >= 0xF5:
			t[c] = badByte
		case c < 0xE0:
			t[c] = lead2
		case c < 0xF0:
			t[c] = lead3
		default:
			t[c] = lead4
		}
	}
	t['\t'], t['\n'], t['\r'] = plainByte, plainByte, returnByte
	t['<'], t['&'], t['>'] = lessByte, refByte, greaterByte
	t[0xE0], t[0xED], t[0xEF], t[0xF0], t[0xF4] = lead3low, lead3surr, lead3high, lead4low, lead4high
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
	lead3high: {2, 0x80, 0xBF},
	lead4:     {3, 0x80, 0xBF},
	lead4low:  {3, 0x90, 0xBF},
	lead4high: {3, 0x80, 0x8F},
	badByte:   {},
}

// A stop is the reason why a loop ended.
type stop uint8

const (
	stopEnd  stop = iota // the token is complete
	stopMore             // the piece ended inside it
	stopBad              // the byte there is not allowed there
)

// scanRune reads the character that p starts with, which is not ASCII. It
// returns its length, or the index of the offending byte.
func scanRune(p []byte) (n int, why stop) {
	c := textClass[p[0]]
	if c < lead2 || c == badByte {
		return 0, stopBad
	}
	t := runeTails[c]
	lo, hi := t.lo, t.hi
	for k := 1; k <= int(t.n); k++ {
		if k == len(p) {
			return 0, stopMore
		}
		if p[k] < lo || p[k] > hi {
			return k, stopBad
		}
		lo, hi = 0x80, 0xBF
	}
	if c == lead3high && p[1] == 0xBF && p[2] >= 0xBE {
		return 2, stopBad
	}
	return int(t.n) + 1, stopEnd
}

const ones, highs = 0x0101010101010101, 0x8080808080808080

// notPlain looks at eight bytes of text at once. The lowest bit that is set is
// the high bit of the first byte that is below ' ', equal to '<', '&' or '>',
// or past 0x7f. A borrow can set bits above that bit, never below.
func notPlain(x uint64) uint64 {
	const lessOrGreater = '<' // > differs from it in one bit
	return ((x - ' '*ones) | ((x&^(2*ones) ^ lessOrGreater*ones) - ones) | ((x ^ '&'*ones) - ones) | x) & highs
}

// plainRun returns the index of the first byte from p[i] on that is not plain
// in text.
func plainRun(p []byte, i int) int {
	for i >= 0 && i <= len(p)-8 {
		if hit := notPlain(binary.LittleEndian.Uint64(p[i : i+8])); hit != 0 {
			i += bits.TrailingZeros64(hit) / 8
			if textClass[p[i]] != plainByte {
				return i
			}
			i++ // a tab or a line feed
			continue
		}
		i += 8
	}
	for i < len(p) && textClass[p[i]] == plainByte {
		i++
	}
	return i
}

// valueRun is plainRun for an attribute value in quotes. It stops at all blanks
// but ' ' too, since readers make a blank of them.
func valueRun(p []byte, i int, quote byte) int {
	quotes := uint64(quote) * ones
	for i >= 0 && i <= len(p)-8 {
		x := binary.LittleEndian.Uint64(p[i : i+8])
		hit := ((x - ' '*ones) | ((x ^ '<'*ones) - ones) | ((x ^ '&'*ones) - ones) | ((x ^ quotes) - ones) | x) & highs
		if hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
		i += 8
	}
	for i < len(p) && p[i] >= ' ' && p[i] < 0x80 && p[i] != '<' && p[i] != '&' && p[i] != quote {
		i++
	}
	return i
}

var isSpace = [256]bool{' ': true, '\t': true, '\n': true, '\r': true}
