package csv

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// refusal runs body through a Writer and returns code and detail of its error.
func refusal(t *testing.T, f *codec.Format, b codec.Body, body string) (codec.Code, string) {
	t.Helper()
	got, err := codectest.RewriteBody(f, b, body, nil)
	if e, ok := errors.AsType[*codec.Error](err); ok {
		if e.Format != f.Name {
			t.Errorf("%q: the format is %q", body, e.Format)
		}
		return e.Code, e.Detail
	}
	if err != nil || got != body {
		t.Errorf("%q: %q, %v", body, got, err)
	}
	return "", ""
}

// TestRefused: what is refused, and with which words.
func TestRefused(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$[*].ssn"})
	for _, tc := range []struct {
		body string
		code codec.Code
		word string // in the detail
	}{
		{"ssn\n1\n", "", ""},
		{"sep=;\nssn\n1\n", codec.Malformed, "sep="},
		{"\ufeffssn\n1\n", "", ""},
		{"\ufeff\"x,ssn,y\",z\n1,2\n", codec.Malformed, "the setting bom"},
		{"ssn,a\"b\n1,2\n", codec.Malformed, "a quote in"},
		{"ssn\n \"1\"\n", codec.Malformed, "a quote in"},
		{"ssn\n\"1\" \n", codec.Malformed, "behind the quote"},
		{"ssn\n\"a\"b\n", codec.Malformed, "behind the quote"},
		{"ssn,b\n1\n", codec.Malformed, "numbers of fields"},
		{"ssn,b\n1,2,3\n", codec.Malformed, "numbers of fields"},
		{"ssn,b\n1,2\n3", codec.Truncated, "numbers of fields"},
		{"ssn\n\n1\n", codec.Malformed, "empty line"},
		{"\nssn\n1\n", codec.Malformed, "empty line"},
		{"ssn\n1\n\n\n\n", "", ""},
		{"ssn\n\"1\r\n2\"\n", "", ""},
		{"ssn\r\n1\n", codec.Malformed, "two kinds"}, // papaparse and csv-parse take the first line end for all
		{"ssn\n1\r\n", codec.Malformed, "two kinds"},
		{"ssn\n1\n\r\n", codec.Malformed, "two kinds"},
		{"x,ssn\r\n1,2\r\n1,2\r\nsome more text,2\n1,2\r\n", codec.Malformed, "two kinds"},
		{"ssn\n1\r2\n", codec.Malformed, "CR without"},
		{"ssn\n1\r", codec.Truncated, "behind a CR"},
		{"ssn\n\"1\r2\"\n", "", ""},
		{"ssn\n\"1", codec.Truncated, "in quotes"},
		{"ssn\n1\x00\n", codec.Malformed, "control"},
		{"ssn\n\"1\x00\"\n", codec.Malformed, "control"},
		{"ssn\n1\x1a", codec.Malformed, "control"},
		{"ssn\n\"\x0c\"\n", codec.Malformed, "control"},
		{"ssn\n\xe9\n", codec.Malformed, "UTF-8"},
		{"ssn\n\xff\xfe\n", codec.Malformed, "UTF-8"},
		{"x\u2028ssn,y\n1,2\n", codec.Malformed, "Unicode"},
		{"ssn,ssn\n1,2\n", codec.Malformed, "one name"},
		{"ssn,x,x\n1,2,3\n", "", ""},
		{"SSN,ssn\n1,2\n", "", ""},
		{" ssn\n1\n", codec.Malformed, "blanks"},
		{"\"ssn\t\"\n1\n", codec.Malformed, "blanks"},
		{"\u3000ssn\u2003\n1\n", codec.Malformed, "blanks"},
		{"id;ssn\n1;2\n", codec.Malformed, "a delimiter"},
		{"id\tssn\n1\t2\n", codec.Malformed, "a delimiter"},
		{"id|x;y\n1\n", codec.Malformed, "one column"},
		{"\"id|x\"\n1\n", "", ""},
		{"ssn,a\n1\\,2\n", codec.Malformed, "backslash"},
		{"ssn,a\n\"1\\\",2\n", codec.Malformed, "backslash"},
		{"ssn\n1\\", codec.Truncated, "backslash"},
		{"ssn\n=HYPERLINK(1)\n", "", ""},
		{"sm1.", "", ""},
	} {
		code, detail := refusal(t, &Format, with(t, sel, codectest.Keep), tc.body)
		if code != tc.code || !strings.Contains(detail, tc.word) {
			t.Errorf("%q: %s, %q; want %s, %q", tc.body, code, detail, tc.code, tc.word)
		}
	}
}

// Names that differ only in case are one name where rules ignore case.
func TestRefusedIgnoringCase(t *testing.T) {
	sel := codectest.Fold(t, codec.Rule{Path: "$[*].Ssn"})
	for body, want := range map[string]codec.Code{
		"SSN,ssn\n1,2\n": codec.Malformed, "SSN \n1\n": codec.Malformed, "\u017fsn,SSN\n1,2\n": codec.Malformed, "SSN,x\n1,2\n": "",
	} {
		if code, _ := refusal(t, &Format, with(t, sel, codectest.Keep), body); code != want {
			t.Errorf("%q: %q", body, code)
		}
	}
}

// TestByteOrderMark: what the setting bom allows. A reader for which a mark is
// data splits a name in quotes behind it.
func TestByteOrderMark(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$[*][0]"})
	for _, tc := range []struct {
		bom, header, body string
		ok                bool
	}{
		{"", "present", "\ufeffa,b\n1,2\n", true}, {"", "present", "\ufeff\"a\",b\n1,2\n", false}, {"", "absent", "\ufeffa,b\n", false},
		{"allow", "present", "\ufeff\"a\",b\n1,2\n", true}, {"allow", "absent", "\ufeff\"a\",b\n", true}, {"", "present", "\ufeff,\"b\"\n\"1\",2\n", true},
		{"refuse", "present", "\ufeffa,b\n1,2\n", false}, {"refuse", "absent", "\ufeffa,b\n", false}, {"refuse", "present", "a,b\n1,2\n", true},
	} {
		settings := []string{"header", tc.header}
		if tc.bom != "" {
			settings = append(settings, "bom", tc.bom)
		}
		code, detail := refusal(t, &Format, with(t, sel, codectest.Keep, settings...), tc.body)
		if (code == "") != tc.ok || !tc.ok && !strings.Contains(detail, "the setting bom allows") {
			t.Errorf("%+v: %s, %q", tc, code, detail)
		}
	}
}

// Columns are limited, so that what a Scanner remembers is.
func TestColumnLimit(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$[*].ssn"})
	for n, want := range map[int]codec.Code{maxColumns: "", maxColumns + 1: codec.FieldLimit} {
		line := strings.Repeat("x,", n-1) + "ssn\n"
		if code, _ := refusal(t, &Format, with(t, sel, codectest.Keep), line+line); code != want {
			t.Errorf("%d columns: %q", n, code)
		}
	}
}

// TestFieldLimit: Limits.Fields counts in each row.
func TestFieldLimit(t *testing.T) {
	b := with(t, codectest.Select(t, codec.Rule{Path: "$[*]"}), codectest.Keep)
	for limit, want := range map[int]codec.Code{1: codec.FieldLimit, 2: ""} {
		b.Limits.Fields = limit
		if code, _ := refusal(t, &Format, b, "a,b\n"+strings.Repeat("1,2\n", 10)); code != want {
			t.Errorf("limit %d: %q", limit, code)
		}
	}
}

// TestRefusedBeforeTheBody: what the media type and the rules say.
func TestRefusedBeforeTheBody(t *testing.T) {
	seal, open := codec.Rule{Path: "$[*].ssn"}, codec.Rule{Path: "$[*].ssn", Open: true}
	object := codec.Guard{Root: codec.ObjectRoot}
	for _, tc := range []struct {
		rules  []codec.Rule
		guard  codec.Guard
		params codec.Params
		set    []string
		inner  bool
		want   codec.Code
	}{
		{rules: []codec.Rule{seal}},
		{rules: []codec.Rule{seal}, params: "header=present; charset=utf-8"},
		{rules: []codec.Rule{seal}, params: "header=absent", want: codec.BadParams},
		{rules: []codec.Rule{seal}, params: "header=PRESENT", want: codec.BadParams},
		{rules: []codec.Rule{seal}, params: "header=absent", set: []string{"header", "absent"}},
		{rules: []codec.Rule{seal}, params: "Header=present", set: []string{"header", "absent"}, want: codec.BadParams},
		{rules: []codec.Rule{seal}, params: "delimiter=\";\"", want: codec.BadParams},
		{rules: []codec.Rule{seal}, guard: object, want: codec.WrongRoot},
		{rules: []codec.Rule{seal}, guard: object, inner: true},
		{rules: []codec.Rule{seal}, guard: codec.Guard{Root: codec.ArrayRoot}},
		{rules: nil},
		{rules: []codec.Rule{{Path: "$.ssn"}}, want: codec.Unsupported},
		{rules: []codec.Rule{{Path: "$.ssn"}, {Path: "$.a[*].ssn"}, {Path: "$[*].a.b"}}, want: codec.Unsupported},
		{rules: []codec.Rule{{Path: "$.ssn"}, {Path: "$[*][2]"}}},
		{rules: []codec.Rule{{Path: "$.ssn"}, {Path: "$..ssn"}}},
		{rules: []codec.Rule{{Path: "$.ssn"}, {Path: "$[7].ssn"}}},
		{rules: []codec.Rule{{Path: "$.ssn"}, open}},
		{rules: []codec.Rule{{Path: "$.ssn", Open: true}}},
	} {
		sel := codectest.Select(t, tc.rules...).Guarded(tc.guard)
		b := with(t, sel, codectest.Keep, tc.set...)
		b.Params, b.Inner = tc.params, tc.inner
		if code, _ := refusal(t, &Format, b, "x,ssn\n1,2\n"); code != tc.want {
			t.Errorf("%+v: %q", tc, code)
		}
	}
}

// TestSettings: settings that Check takes and refuses.
func TestSettings(t *testing.T) {
	sel := codectest.Select(t)
	for _, tc := range []struct {
		f          *codec.Format
		key, value string
		ok         bool
	}{
		{&Format, "delimiter", ";", true}, {&Format, "delimiter", "\t", true}, {&Format, "delimiter", "|", true},
		{&Format, "delimiter", "", false}, {&Format, "delimiter", ";;", false}, {&Format, "delimiter", "é", false},
		{&Format, "delimiter", "a", false}, {&Format, "delimiter", "\"", false}, {&Format, "delimiter", "'", false},
		{&Format, "delimiter", "\n", false}, {&Format, "delimiter", "-", false}, {&Format, "delimiter", ".", false},
		{&Format, "delimiter", "\\", false}, {&Format, "delimiter", " ", false}, {&Format, "delimiter", "\x00", false},
		{&TSV, "delimiter", "\t", false}, {&TSV, "header", "absent", true}, {&TSV, "bom", "allow", true},
		{&Format, "header", "present", true}, {&Format, "header", "absent", true}, {&Format, "header", "no", false},
		{&Format, "bom", "allow", true}, {&Format, "bom", "refuse", true}, {&Format, "bom", "", false},
		{&Format, "backslash", "data", true}, {&Format, "backslash", "escape", false},
		{&Format, "quote", "'", false}, {&Format, "schema", "x", false},
	} {
		o := codec.Options{Settings: map[string]string{tc.key: tc.value}}
		_, err := tc.f.Check(sel, o)
		if _, known := errors.AsType[*codec.SettingError](err); (err == nil) != tc.ok || err != nil && !known {
			t.Errorf("%s, %s: %q is %v", tc.f.Name, tc.key, tc.value, err)
		}
	}
	if _, err := Format.Check(sel, codec.Options{Schema: []byte("x")}); err == nil {
		t.Error("a schema is taken")
	}
}
