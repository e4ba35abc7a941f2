package form

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// What a Transform returns, and how it is written.
func TestReplacements(t *testing.T) {
	const wrong = "-"
	for _, tc := range []struct {
		kind        codec.Kind
		text        string
		form, query string
	}{
		{codec.Text, "", "", ""},
		{codec.Text, "abc-_.*9", "abc-_.*9", "abc-_.*9"},
		{codec.Text, "a b&c=d;e+f%~", "a+b%26c%3Dd%3Be%2Bf%25%7E", "a+b%26c%3Dd%3Be%2Bf%25%7E"},
		{codec.Text, "é\r\n\t", "%C3%A9%0D%0A%09", "%C3%A9%0D%0A%09"},
		{codec.Text, strings.Repeat("é", 5000), strings.Repeat("%C3%A9", 5000), strings.Repeat("%C3%A9", 5000)},
		{codec.Text, strings.Repeat("x", 5000), strings.Repeat("x", 5000), strings.Repeat("x", 5000)},
		{codec.Text, "a\x00", wrong, wrong},
		{codec.Text, "a\x7f\x0b", "a%7F%0B", "a%7F%0B"},
		{codec.Text, "a\xff", wrong, wrong},
		{codec.Text, "\xc3", wrong, wrong},
		{codec.Literal, "1.50", "1.50", "1.50"},
		{codec.Literal, "-1E+2", "-1E%2B2", "-1E%2B2"},
		{codec.Literal, "true", "true", "true"},
		{codec.Literal, `"a\u0026\"b"`, "a%26%22b", "a%26%22b"},
		{codec.Literal, `"\u0000"`, wrong, wrong},
		{codec.Literal, `"\ud800"`, wrong, wrong},
		{codec.Literal, "null", wrong, wrong},
		{codec.Literal, "{}", wrong, wrong},
		{codec.Literal, "[1]", wrong, wrong},
		{codec.Literal, "1 2", wrong, wrong},
		{codec.Literal, "", wrong, wrong},
		{codec.Bytes, "abc", wrong, wrong},
		{codec.Kind(7), "abc", wrong, wrong},
		{codec.Raw, "", wrong, wrong},
		{codec.Raw, "\x04abc", wrong, wrong},
		{codec.Raw, "\x05", "", ""},
		{codec.Raw, "\x05a%20b~%c3%A9=", "a%20b~%c3%A9=", "a%20b~%c3%A9="},
		{codec.Raw, "\x05" + strings.Repeat("~", 5000), strings.Repeat("~", 5000), strings.Repeat("~", 5000)},
		{codec.Raw, "\x05é #", "é #", wrong},
		{codec.Raw, "\x05a&admin=1", wrong, wrong},
		{codec.Raw, "\x05a;b", wrong, wrong},
		{codec.Raw, "\x05%", wrong, wrong},
		{codec.Raw, "\x05%4", wrong, wrong},
		{codec.Raw, "\x05%C3", wrong, wrong},
		{codec.Raw, "\x05%u0031", wrong, wrong},
		{codec.Raw, "\x05%00", wrong, wrong},
		{codec.Raw, "\x05a\n", wrong, wrong},
		{codec.Raw, "\x05]=", wrong, wrong},
		{codec.Raw, "\x05%5d=", wrong, wrong},
		{codec.Raw, "\x05\xff", wrong, wrong},
	} {
		tr := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, tc.text...), tc.kind, nil
		}
		sel := codectest.Select(t, rules("$.a")...)
		body := "x=1&a=original&b=2"
		for f, want := range map[*codec.Format]string{&Format: tc.form, &Query: tc.query} {
			for _, step := range []int{100, 1} {
				got, err := codectest.Rewrite(f, sel, tr, codec.Limits{}, body, everywhere(len(body), step))
				if want == wrong {
					if codeOf(err) != codec.WrongKind {
						t.Errorf("%s: %d %.40q: %.80q, %v", f.Name, tc.kind, tc.text, got, err)
					}
				} else if want := "x=1&a=" + want + "&b=2"; err != nil || got != want {
					t.Errorf("%s: %d %.40q: %.80q, want %.80q, %v", f.Name, tc.kind, tc.text, got, want, err)
				}
			}
		}
	}
}

// What plainRun finds, at every place of eight bytes and of the rest.
func TestPlainRun(t *testing.T) {
	for c := range 256 {
		stops := charClasses[c] > charPlus
		for at := range 20 {
			p := []byte(strings.Repeat("az09-_.*+$/", 2))
			p[at] = byte(c)
			want := len(p)
			if stops {
				want = at
			}
			if got := plainRun(p, 0); got != want {
				t.Fatalf("%q: %d, want %d", p, got, want)
			}
		}
	}
}
