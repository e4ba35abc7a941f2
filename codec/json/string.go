package json

import (
	"encoding/binary"
	"math/bits"
)

// A stop is the reason why a fast loop ended.
type stop uint8

const (
	stopEnd  stop = iota // the token is complete
	stopMore             // the chunk ended inside it
	stopBad              // the byte there is not allowed there
)

// notPlain looks at eight bytes at once, so that a short string costs no
// mispredicted branch. The lowest bit that is set is the high bit of the first
// byte that is below ' ', equal to '"' or '\\', or past 0x7f. A borrow can set
// bits above that bit, never below.
func notPlain(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	return ((x - ' '*ones) | ((x ^ '"'*ones) - ones) | ((x ^ '\\'*ones) - ones) | x) & highs
}

// plainRun returns the index of the first byte from p[i] on that is not plain
// in a string.
func plainRun(p []byte, i int) int {
	for i >= 0 && i <= len(p)-8 {
		if hit := notPlain(binary.LittleEndian.Uint64(p[i : i+8])); hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
		i += 8
	}
	for i < len(p) && stringClass[p[i]] == plainByte {
		i++
	}
	return i
}

// scanString reads the inside of a string from p[i]. It returns the index after
// the closing quote (stopEnd), of the first character or escape that the chunk
// cuts (stopMore), or of the offending byte (stopBad), and whether it saw an
// escape.
func scanString(p []byte, i int) (end int, escaped bool, why stop) {
	for {
		if i = plainRun(p, i); i == len(p) {
			return i, escaped, stopMore
		}
		n := 0
		switch c := stringClass[p[i]]; c {
		case quoteByte:
			return i + 1, escaped, stopEnd
		case escapeByte:
			escaped = true
			n, why = scanEscape(p[i:])
		case controlByte, badByte:
			return i, escaped, stopBad
		default:
			n, why = scanRune(p[i:], runeTails[c])
		}
		if why == stopBad {
			return i + n, escaped, why
		}
		if why == stopMore {
			return i, escaped, why
		}
		i += n
	}
}

// scanEscape reads the escape sequence that p starts with. It returns its
// length, or the index of the offending byte.
func scanEscape(p []byte) (n int, why stop) {
	if len(p) < 2 {
		return 0, stopMore
	}
	if p[1] != 'u' {
		if escapeMeaning[p[1]] == 0 {
			return 1, stopBad
		}
		return 2, stopEnd
	}
	for k := 2; k < 6; k++ {
		if k == len(p) {
			return 0, stopMore
		}
		if !isHex(p[k]) {
			return k, stopBad
		}
	}
	return 6, stopEnd
}

// scanRune reads the character that p starts with, whose lead byte allows t. It
// returns its length, or the index of the offending byte.
func scanRune(p []byte, t runeTail) (n int, why stop) {
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
	return int(t.n) + 1, stopEnd
}

// A partString is the place in a string where the last chunk ended. The zero
// value is between two characters.
type partString struct {
	escape bool     // after a backslash
	hex    uint8    // hex digits still to come
	tail   runeTail // continuation bytes still to come
}

// step reads one byte of a character that a chunk cut, or the first byte of a
// character.
func (s *partString) step(c byte) (ok bool) {
	switch {
	case s.escape:
		s.escape = false
		if c == 'u' {
			s.hex = 4
			return true
		}
		return escapeMeaning[c] != 0
	case s.hex > 0:
		s.hex--
		return isHex(c)
	case s.tail.n > 0:
		ok = c >= s.tail.lo && c <= s.tail.hi
		if s.tail.n--; s.tail.n == 0 {
			s.tail = runeTail{}
		} else {
			s.tail.lo, s.tail.hi = 0x80, 0xBF
		}
		return ok
	}
	switch k := stringClass[c]; k {
	case escapeByte:
		s.escape = true
	case plainByte, quoteByte, controlByte, badByte: // scanString ends there by itself
		return false
	default:
		s.tail = runeTails[k]
	}
	return true
}
