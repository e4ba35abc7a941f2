package keyuse

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// valid says what utf8.ValidString says, wherever in a name the odd byte stands.
func TestValid(t *testing.T) {
	for n := range 40 {
		name := strings.Repeat("n", n)
		for at := range n + 1 {
			for _, odd := range []string{"", "é", "\xff", "\xc3", "日本", "\xed\xa0\x80"} {
				if s := name[:at] + odd + name[at:]; valid(s) != utf8.ValidString(s) {
					t.Errorf("%q: %t", s, valid(s))
				}
			}
		}
	}
}
