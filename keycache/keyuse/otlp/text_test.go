package otlp

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Valid agrees with utf8.ValidString, wherever in a name the odd byte is.
func TestValid(t *testing.T) {
	for n := range 40 {
		name := strings.Repeat("n", n)
		for at := range n + 1 {
			for _, odd := range []string{"", "é", "\xff", "\xc3", "日本", "\xed\xa0\x80"} {
				if s := name[:at] + odd + name[at:]; Valid(s) != utf8.ValidString(s) {
					t.Errorf("%q: %t", s, Valid(s))
				}
			}
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"plain", 8, "plain"},
		{"a\xffb", 8, "a?b"},
		{"123456789", 8, "12345…"},
		{"1234é6789", 8, "1234…"}, // é would be cut in two
		{"12é456789", 8, "12é4…"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 8, "?…"},
	} {
		if got := Fit(c.in, c.limit); got != c.want {
			t.Errorf("Fit(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}
