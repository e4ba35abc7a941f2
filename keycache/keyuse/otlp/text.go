package otlp

import (
	"strings"
	"unicode/utf8"
)

// Ellipsis ends a name that was cut.
const Ellipsis = "…"

// Fit returns s as valid UTF-8 of at most limit bytes. It cuts visibly, with a
// trailing [Ellipsis]. Protobuf strings have to be UTF-8: a collector refuses
// the whole batch for one bad byte, and every retry.
func Fit(s string, limit int) string {
	cut := len(s) > limit
	if cut {
		s = s[:limit]
	}
	s = strings.ToValidUTF8(s, "?")
	if !cut {
		return s
	}
	s = s[:min(len(s), limit-len(Ellipsis))]
	for len(s) > 0 {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + Ellipsis
}

// Valid reports whether s is UTF-8. It is faster than utf8.ValidString for
// short ASCII strings, which most names are: it checks eight bytes at once, and
// the last eight bytes twice instead of the remainder byte by byte.
func Valid(s string) bool {
	if len(s) < 8 {
		return utf8.ValidString(s)
	}
	high := word(s[len(s)-8:])
	for rest := s; len(rest) > 8; rest = rest[8:] {
		high |= word(rest)
	}
	return high&0x8080808080808080 == 0 || utf8.ValidString(s)
}

// word returns the first eight bytes of s.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
