package keyuse

import (
	"strings"
	"unicode/utf8"
)

const ellipsis = "…"

// mend makes s valid UTF-8 of at most limit bytes. Protobuf strings have to be
// UTF-8: one bad byte, and a collector refuses the whole batch, for ever.
func mend(s string, limit int) string {
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
