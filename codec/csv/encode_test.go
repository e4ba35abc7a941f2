package csv

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// TestReplacements: what a Transform returns, and how it is written where a
// field has no quotes, and where it has quotes.
func TestReplacements(t *testing.T) {
	refused := [2]string{}
	both := func(text string) [2]string { return [2]string{text, `"` + text + `"`} }
	quoted := func(text string) [2]string { return [2]string{`"` + text + `"`, `"` + text + `"`} }
	long := strings.Repeat("x", 5000)
	for _, tc := range []struct {
		kind codec.Kind
		text string
		want [2]string // empty: codec.WrongKind
	}{
		{codec.Text, "", both("")},
		{codec.Text, "abc", both("abc")},
		{codec.Text, " a\tb ", both(" a\tb ")},
		{codec.Text, "=1+1", both("=1+1")},
		{codec.Text, "a'b`", both("a'b`")},
		{codec.Text, "a,b", quoted("a,b")},
		{codec.Text, `a"b""`, quoted(`a""b""""`)},
		{codec.Text, `"`, quoted(`""`)},
		{codec.Text, "a\r\nb", quoted("a\r\nb")},
		{codec.Text, "\n", quoted("\n")},
		{codec.Text, "\r", quoted("\r")},
		{codec.Text, "é漢😀", both("é漢😀")},
		{codec.Text, "a\u2028", quoted("a\u2028")},
		{codec.Text, "\u0085", quoted("\u0085")},
		{codec.Text, long, both(long)},
		{codec.Text, long + ",", quoted(long + ",")},
		{codec.Text, strings.Repeat(`"`, 3000), quoted(strings.Repeat(`"`, 6000))},
		{codec.Text, "\x00", refused}, {codec.Text, "a\x1f", refused}, {codec.Text, "\xff", refused}, {codec.Text, "abc\xc3", refused},
		{codec.Text, `a\`, refused}, {codec.Text, `a\"b`, refused}, {codec.Text, `a\,b`, quoted(`a\,b`)}, {codec.Text, `a\b`, both(`a\b`)},
		{codec.Literal, `1`, both("1")},
		{codec.Literal, `-0.5e+3`, both("-0.5e+3")},
		{codec.Literal, `true`, both("true")},
		{codec.Literal, `"a\u002cb\"\n"`, quoted("a,b\"\"\n")},
		{codec.Literal, `"x"`, both("x")},
		{codec.Literal, `null`, refused}, {codec.Literal, `{}`, refused}, {codec.Literal, `[1]`, refused}, {codec.Literal, `1,2`, refused},
		{codec.Literal, `"\u0000"`, refused}, {codec.Literal, `"\ud800"`, refused}, {codec.Literal, ``, refused},
		{codec.Raw, "\x04abc", both("abc")},
		{codec.Raw, "\x04", both("")},
		{codec.Raw, "\x04\"a,b\"", quoted("a,b")},
		{codec.Raw, "\x04\"abc\"", quoted("abc")},
		{codec.Raw, "\x04\"a\"\"b\"", quoted("a\"\"b")},
		{codec.Raw, "\x04\"\"", quoted("")},
		{codec.Raw, "\x04a,b", refused}, {codec.Raw, "\x04a\nb", refused}, {codec.Raw, "\x04a\"b", refused}, {codec.Raw, "\x04\"", refused},
		{codec.Raw, "\x04\"a\",\"b\"", refused}, {codec.Raw, "\x04\"a\"b\"", refused}, {codec.Raw, "\x04\"\"\"", refused}, {codec.Raw, "\x04\"a\"\"\"\"b\",", refused},
		{codec.Raw, "\x04\"\x00\"", refused}, {codec.Raw, "\x05abc", refused}, {codec.Raw, "", refused},
		{codec.Bytes, "abc", refused},
	} {
		sel := codectest.Select(t, codec.Rule{Path: "$[*].ssn"})
		put := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, tc.text...), tc.kind, nil
		}
		for i, field := range []string{"v", `"v"`} {
			got, err := codectest.Rewrite(&Format, sel, put, codec.Limits{}, "ssn,x\n"+field+",1\n", nil)
			if tc.want[i] == "" && tc.want != both("") {
				if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.WrongKind {
					t.Errorf("%d %.100q: %.100q, %v", tc.kind, tc.text, got, err)
				}
			} else if want := "ssn,x\n" + tc.want[i] + ",1\n"; got != want || err != nil {
				t.Errorf("%d %.100q: %.100q, %v; want %.100q", tc.kind, tc.text, got, err, want)
			}
		}
	}
}

// TestReplacementsByPlace: a text that would mean something else where it is.
func TestReplacementsByPlace(t *testing.T) {
	absent := []string{"header", "absent"}
	for _, tc := range []struct {
		f        *codec.Format
		settings []string
		body     string
		text     string
		want     string // empty: codec.WrongKind
	}{
		{&Format, nil, "ssn\nv\n", "", "ssn\n\"\"\n"},
		{&Format, nil, "ssn\nv", "", "ssn\n\"\""},
		{&Format, nil, "ssn\r\nv\r\n", "", "ssn\r\n\"\"\r\n"},
		{&Format, nil, "ssn,a\nv,1\n", "", "ssn,a\n,1\n"},
		{&Format, absent, "v\n", "", "\"\"\n"},
		{&Format, absent, "v,w", "", ",w"},
		{&Format, absent, "v\n", "sep=;", ""},
		{&Format, absent, "v\n", "\ufeffx", ""},
		{&Format, absent, "\"v\"\n", "Sep=", ""},
		{&Format, absent, "w\nv\n", "sep=;", ""}, // both fields are written
		{&Format, nil, "ssn\nv\n", "sep=;", "ssn\nsep=;\n"},
		{&Format, []string{"delimiter", ";"}, "ssn;a\nv;1\n", "a,b", "ssn;a\na,b;1\n"},
		{&Format, []string{"delimiter", ";"}, "ssn;a\nv;1\n", "a;b", "ssn;a\n\"a;b\";1\n"},
		{&Format, []string{"backslash", "data"}, "ssn,a\nv,\"1\"\n", `a\"b\`, "ssn,a\n\"a\\\"\"b\\\",\"1\"\n"},
		{&TSV, nil, "ssn\ta\nv\t1\n", "a,b'", "ssn\ta\na,b'\t1\n"},
		{&TSV, nil, "ssn\ta\nv\t1\n", "", "ssn\ta\n\t1\n"},
		{&TSV, nil, "ssn\ta\nv\t1\n", "a\tb", ""},
		{&TSV, nil, "ssn\ta\nv\t1\n", "a\nb", ""},
		{&TSV, nil, "ssn\ta\nv\t1\n", "a\"b", ""},
		{&TSV, nil, "ssn\nv\n", "", ""},
	} {
		sel := codectest.Select(t, codec.Rule{Path: "$[*].ssn"}, codec.Rule{Path: "$[*][0]"})
		o := codec.Options{Settings: map[string]string{}}
		for i := 0; i < len(tc.settings); i += 2 {
			o.Settings[tc.settings[i]] = tc.settings[i+1]
		}
		checked, err := tc.f.Check(sel, o)
		if err != nil {
			t.Fatal(err)
		}
		put := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, tc.text...), codec.Text, nil
		}
		got, err := codectest.RewriteBody(tc.f, codec.Body{At: sel.Root(), Checked: checked, Transform: put}, tc.body, nil)
		e, ok := errors.AsType[*codec.Error](err)
		if got != tc.want || tc.want == "" && (!ok || e.Code != codec.WrongKind) {
			t.Errorf("%s %v: %q in %q: %q, %v; want %q", tc.f.Name, tc.settings, tc.text, tc.body, got, err, tc.want)
		}
	}
}
