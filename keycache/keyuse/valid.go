package keyuse

import (
	"strings"
	"unicode/utf8"
)

const ellipsis = "…"

// fit makes s valid UTF-8 of at most limit bytes. Protobuf strings have to be
// UTF-8: one bad byte, and a collector refuses the whole batch, for ever.
func fit(s string, limit int) string {
	cut := len(s) > limit
	if cut {
		s = s[:limit]
	}
	s = strings.ToValidUTF8(s, "?")
	if !cut {
		return s
	}
	s = s[:min(len(s), limit-len(ellipsis))]
	for len(s) > 0 {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + ellipsis
}

// valid reports whether s is UTF-8. It knows ASCII faster than utf8.ValidString, which most
// names are, by reading the last eight bytes once more instead of the rest one by one.
func valid(s string) bool {
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
