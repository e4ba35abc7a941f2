package json

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

var corpus = codectest.Corpus{
	Rules: []codec.Rule{
		{Path: "$.ssn"}, {Path: "$..email"}, {Path: "$.list[*].x"}, {Path: "$.list[1]"},
		{Path: "$.look", Unescape: true}, {Path: "$['odd name\u00e9']"}, {Path: "$.any.*"},
	},
	Bodies: []string{
		`{}`, `[]`, ` 1 `, `"x"`, `null`, `-0`, `1E400`,
		`{"ssn":"123-45-6789"}`,
		"\r\n{ \"ssn\" :\t\"a\" , \"ssn\": \"b\",\"ssn\" :1e5\n}\n",
		`{"s\u0073n":"escaped name","ssm":"decoy","\u0073\u0073\u006e":true,"ssn ":0}`,
		`{"ssn":"","x":"","email":" "}`,
		`{"ssn":null,"email":false,"look":true}`,
		`{"ssn":-0.0,"email":1E400,"look":123456789012345678901234567890,"x":1.50}`,
		`{"ssn":"q\"uo\\te","look":"q\"uo\/te\u00e9","email":"\ud800"}`,
		`{"look":"\ud83d\ude00","x":"\ud800","ssn":"😀é漢"}`,
		`{"a":{"email":{"email":"inner","n":[1,{"email":2}]}},"email":[1,[2,"3"]]}`,
		`{"list":[{"x":1,"y":2},{"x":"in an owned element"},{"x":{"x":[]}},[],"x",{"y":{"x":0}}]}`,
		`{"odd name` + "\u00e9" + `":"v","odd name\u00e9":"w","odd name":"no"}`,
		`{"any":{"":1,"a":[],"b":{"email":"e"},"c":"t"},"anyx":{"a":1}}`,
		`[{"email":"a","ssn":"no"},{"email":"b"},[[{"email":"c"}]]]`,
		`{"pad":"` + strings.Repeat("long ", 300) + `","email":"after","n":[` + strings.Repeat("1.5e3, ", 200) + `0],"ssn":"last"}`,
		"\ufeff{\"ssn\":\"after a byte order mark\"}",
		`{"email":"` + strings.Repeat(canary, 200) + `","ssn":{"deep":[[[[[{"a":"\u0041"}]]]]]}}`,
		`{"ctrl":"\u0000\b\f\n\r\t","ssn":"\u0000\b\f\n\r\t","look":"\u0000\b\f\n\r\t\u001f\u007f"}`,
	},
	Refused: []string{
		``, ` `, `{`, `{"ssn":"CANARY`, `{"ssn":"CANARY"`, `{"ssn":"CANARY"}}`, `{"ssn":"CANARY",}`, `{"ssn":CANARY}`,
		`{"CANARY\x":1}`, `{"CANARY` + "\xff" + `":1}`, `{"ssn":"a","email":"CANARY` + "\n" + `"}`, `{"ssn":1,"n":01}`,
		`{"ssn":"a","z":"` + "\xed\xa0\x80" + `"}`, `{"\ud800CANARY":1}`, `{"look":"CANARY\udc00"}`,
		`{"look":"CANARY\ud800\u0041"}`, `{"look":"\ud800\n23456CANARY"}`, `{"look":"\ud800\ud800\udc00"}`, `{"\ud83d\u0041":1}`, `{"ssn":tru,"a":1}`,
		`{"ssn":[1,{"a":CANARY}]}`, `{"ssn":-}`, `{"ssn":1.}`, `{"email":1e}`, "\ufeff", "\ufeff\ufeff{}", "\xef\xbb{}", "[\ufeff]", "\ufeff{\"ssn\":", `{"ssn" "CANARY"}`, `{"a":1}{"ssn":"CANARY"}`,
	},
	Value:  func(n int) string { return `{"ssn":"` + strings.Repeat("v", n-2) + `"}` },
	Nested: func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) },
	Many: func(n int) string {
		return `{"a":[` + strings.TrimSuffix(strings.Repeat(`{"email":"x"},`, n), ",") + `]}`
	},
	Named:  func(n int) string { return `{"` + strings.Repeat("n", n) + `":1}` },
	Called: func(name string) string { return `{"a":[{"` + name + `":"1"}]}` },
	Pad:    func(body string, n int) string { return body + strings.Repeat(" ", n) },
}

func TestConformance(t *testing.T) { codectest.Run(t, &Format, corpus) }

// A bodyCase is one line of testdata/cases.txt.
type bodyCase struct {
	name, body string
	accept     bool
}

func bodyCases(t *testing.T) (cases []bodyCase) {
	t.Helper()
	file, err := os.Open("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		col := strings.Split(lines.Text(), "\t")
		body, err := strconv.Unquote(col[1])
		if err != nil {
			t.Fatalf("%s: %v", col[0], err)
		}
		cases = append(cases, bodyCase{col[0], body, strings.HasPrefix(col[0], "y_") || len(col) == 3 && col[2] == "accept"})
	}
	if len(cases) < 250 {
		t.Errorf("only %d cases", len(cases))
	}
	return cases
}

func TestJSONCases(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$.a"}})
	for _, tc := range bodyCases(t) {
		for _, step := range []int{len(tc.body) + 1, 1, 2, 3, 7} {
			got, err := rewrite(sel, keep, codec.Limits{}, tc.body, everywhere(len(tc.body), step))
			if (err == nil) != tc.accept || tc.accept && got != tc.body {
				t.Errorf("%s, by %d: %q, %v", tc.name, step, got, err)
			}
		}
	}
}

// TestPlainText: what a string must escape is seen wherever it is in a
// text.
func TestPlainText(t *testing.T) {
	text := strings.Repeat("sm1.A-_9", 12)
	for at := range len(text) + 1 {
		for odd, want := range map[string][2]bool{
			"": {true, true}, "é": {true, true}, "\x7f": {true, true}, "\"": {false, true}, "\\": {false, true}, "\x1f": {false, true},
			"\x00": {false, true}, "\xff": {false, false}, "\xc3": {false, false},
		} {
			if plain, valid := plainText([]byte(text[:at] + odd + text[at:])); valid != want[1] || valid && plain != want[0] {
				t.Errorf("%q at %d: plain %t, valid %t", odd, at, plain, valid)
			}
		}
	}
}

// TestJSONReplacements: what a Transform returns, and how it is written in the
// body.
func TestJSONReplacements(t *testing.T) {
	const kept = `"original"`
	for _, tc := range []struct {
		kind codec.Kind
		text string
		want string // empty: codec.WrongKind
	}{
		{codec.Text, ``, `""`},
		{codec.Text, `abc`, `"abc"`},
		{codec.Text, `a"b\c`, `"a\"b\\c"`},
		{codec.Text, "\x00\b\f\n\r\t\x1f\x7f", `"\u0000\b\f\n\r\t\u001f` + "\x7f" + `"`},
		{codec.Text, "é漢😀\u2028", "\"é漢😀\u2028\""},
		{codec.Text, strings.Repeat("x", 5000), `"` + strings.Repeat("x", 5000) + `"`},
		{codec.Text, strings.Repeat("\n", 5000), `"` + strings.Repeat(`\n`, 5000) + `"`},
		{codec.Text, "\xff", ``},
		{codec.Text, "\xed\xa0\x80", ``},
		{codec.Text, "abc\xc3", ``},
		{codec.Literal, `1`, `1`},
		{codec.Literal, `-0.0e+0`, `-0.0e+0`},
		{codec.Literal, `"\ud800"`, `"\ud800"`},
		{codec.Literal, `{"a": [1, 2 ]}`, `{"a": [1, 2 ]}`},
		{codec.Literal, `[` + strings.Repeat("1,", 4000) + `1]`, `[` + strings.Repeat("1,", 4000) + `1]`},
		{codec.Literal, ``, ``},
		{codec.Literal, ` 1`, ``},
		{codec.Literal, `1 `, ``},
		{codec.Literal, `1,"admin":true`, ``},
		{codec.Literal, `1}`, ``},
		{codec.Literal, `"a`, ``},
		{codec.Literal, `-`, ``},
		{codec.Literal, "\"\xff\"", ``},
		{codec.Literal, strings.Repeat("[", 300) + strings.Repeat("]", 300), ``},
		{codec.Bytes, `abc`, ``},
		{codec.Kind(7), `abc`, ``},
		{codec.Raw, "\x01abc", ``},
		{codec.Text, `kept`, kept},
	} {
		tr := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			if tc.want == kept {
				return dst, 0, codec.ErrKeep
			}
			return append(dst, tc.text...), tc.kind, nil
		}
		sel := mustSelect(t, []codec.Rule{{Path: "$.a"}})
		for _, step := range []int{100, 1} {
			body := `{"a" :"original", "b":2}`
			got, err := rewrite(sel, tr, codec.Limits{}, body, everywhere(len(body), step))
			if tc.want == "" {
				var e *codec.Error
				if !errors.As(err, &e) || e.Code != codec.WrongKind || e.Offset != 6 {
					t.Errorf("%d %.40q: %v", tc.kind, tc.text, err)
				}
				continue
			}
			if want := `{"a" :` + tc.want + `, "b":2}`; err != nil || got != want {
				t.Errorf("%d %.40q: got %.80q, %v", tc.kind, tc.text, got, err)
			}
		}
	}
}

// TestJSONFields: what a Transform is given.
func TestJSONFields(t *testing.T) {
	rules := []codec.Rule{{Path: "$.a"}, {Path: "$..b"}, {Path: "$.c", Unescape: true}, {Path: "$.l[1]"}, {Path: "$"}}
	for _, tc := range []struct{ body, want string }{
		{`{"a":"x"}`, `0 text x`},
		{`{"a":"x","a":"y"}`, `0 text x|0 text y`},
		{`{"a":"x\ty"}`, `0 literal "x\ty"`},
		{`{"a":"\u0041"}`, `0 literal "\u0041"`},
		{`{"\u0061":"x","\u0041":"y"}`, `0 text x`},
		{`{"a":1E400}`, `0 literal 1E400`},
		{`{"a":-0.0}`, `0 literal -0.0`},
		{`{"a":12345678901234567890123}`, `0 literal 12345678901234567890123`},
		{`{"a":null,"b":true}`, `0 literal null|1 literal true`},
		{`{"a":{ "b" : 1 }}`, `0 literal { "b" : 1 }`},
		{`{"b":[{"b":1}]}`, `1 literal [{"b":1}]`},
		{`{"x":{"b":"1","y":[{"b":"2"}]}}`, `1 text 1|1 text 2`},
		{`{"c":"plain"}`, `2 text plain`},
		{`{"c":"\u0041\n\ud83d\ude00"}`, "2 text A\n😀"},
		{`{"c":[" "]}`, `2 literal [" "]`},
		{`{"l":["a","b","c"]}`, `3 text b`},
		{`{"l":["a"],"x":["a","b"]}`, ``},
		{`{"l":[{"b":1},{"b":2},[1,{"b":3}]]}`, `1 literal 1|3 literal {"b":2}|1 literal 3`},
		{`{"l":{"1":"x","b":0}}`, `1 literal 0`},
		{`{"A":1,"a ":1,"":1}`, ``},
	} {
		for _, step := range []int{100, 1, 3} {
			var fields []seen
			sel := mustSelect(t, rules[:4])
			if _, err := rewrite(sel, recording(&fields, keep), codec.Limits{}, tc.body, everywhere(len(tc.body), step)); err != nil {
				t.Errorf("%s: %v", tc.body, err)
			}
			if got := describe(fields); got != tc.want {
				t.Errorf("%s by %d:\n got %s\nwant %s", tc.body, step, got, tc.want)
			}
			fields = nil
			root := mustSelect(t, rules)
			body := " " + tc.body + "\n"
			got, err := rewrite(root, recording(&fields, sealing), codec.Limits{}, body, everywhere(len(body), step))
			if err != nil || describe(fields) != "4 literal "+tc.body || got[0] != ' ' || got[len(got)-1] != '\n' {
				t.Errorf("%s by %d with $: %s, %q, %v", tc.body, step, describe(fields), got, err)
			}
		}
	}
}

func describe(fields []seen) string {
	var s []string
	for _, f := range fields {
		s = append(s, fmt.Sprint(f.Rule, " ", map[codec.Kind]string{codec.Text: "text", codec.Literal: "literal"}[f.Kind], " ", f.Value))
	}
	return strings.Join(s, "|")
}

// TestJSONRootScalars: a tagged number at the root ends where the body does.
func TestJSONRootScalars(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$"}})
	for _, body := range []string{`1`, `-0`, `12.5e3`, `"x"`, `true`, `""`} {
		for _, step := range []int{100, 1} {
			sealed, err := rewrite(sel, sealing, codec.Limits{}, body, everywhere(len(body), step))
			if err != nil || sealed == body {
				t.Fatalf("%s: %q, %v", body, sealed, err)
			}
			if opened, err := rewrite(sel, opening, codec.Limits{}, sealed, nil); err != nil || opened != body {
				t.Errorf("%s: came back %q, %v", body, opened, err)
			}
		}
	}
}

// TestJSONHoldsValuesOnly: with every byte that comes, all but the tagged value
// being read has left.
func TestJSONHoldsValuesOnly(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$.ssn"}})
	for _, value := range []string{`"SECRET \"s"`, `-12.5e3`, `true`, `{"a":["SECRET",{}]}`} {
		head := `{"pad":"long \u0041 é","ssnx":[1,-2.5e3,true],"s\u0073n" : `
		body := head + value + `,"z":{"ssn":"other"}}`
		end := len(head) + len(value)
		if value[0] == '-' {
			end++ // the byte after a number tells that it has ended
		}
		var out codec.Output
		w := newJSON(sel, keep, codec.Limits{})
		for i := range len(body) {
			if err := w.Write(&out, []byte(body[i:i+1])); err != nil {
				t.Fatal(err)
			}
			want := i + 1
			if want > len(head) && want < end {
				want = len(head)
			}
			if out.Len() != want {
				t.Fatalf("%s: %d bytes have left after %d, want %d", value, out.Len(), i+1, want)
			}
		}
		if err := w.Close(&out); err != nil || out.Len() != len(body) {
			t.Errorf("%s: %d bytes have left, %v", value, out.Len(), err)
		}
		w.Free()
		out.Reset()
	}
}

// TestJSONMemoryStaysBounded streams far more than it may hold of it.
func TestJSONMemoryStaysBounded(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$..email"}, {Path: "$.n[7]"}})
	var out codec.Output
	fields := 0
	count := func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
		fields++
		return sealing(dst, batch)
	}
	tables, _ := Format.Check(sel, codec.Options{})
	tags, w := new(codec.Splicer), new(document) // not a recycled one, which another test may have grown
	limits := codec.Limits{Fields: 1 << 30}.WithDefaults()
	tags.Reset(sel, count, limits)
	err := w.begin(codec.Body{At: sel.Root(), Checked: tables, Limits: limits}, tags)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	at := int64(0)
	write := func(p []byte) error {
		tags.Chunk(&out, p)
		if err := w.Scan(p, at); err != nil {
			return err
		}
		at += int64(len(p))
		return tags.Splice()
	}
	piece := []byte(corpus.Many(20)[6:])
	piece = append(piece[:len(piece)-2], ',')
	if err := write([]byte(`{"a":[`)); err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		cut := i % len(piece)
		if err := errors.Join(write(piece[:cut]), write(piece[cut:])); err != nil {
			t.Fatal(err)
		}
		out.Reset()
	}
	if n := cap(w.frames) + cap(w.outer) + cap(w.index); n > 1000 || fields != 400_000 {
		t.Errorf("%d entries after %d fields", n, fields)
	}
	if held := w.name.Len() + w.tags.Scratch.Len(); held != 0 {
		t.Errorf("%d bytes held between values", held)
	}
}
