package multipart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// read runs body through a Writer that keeps every value, and returns the
// values that a rule for everything gives, in order.
func read(t *testing.T, p codec.Params, body string) (values []string, err error) {
	t.Helper()
	var seen []codectest.Seen
	r := rewriting{sel: codectest.Select(t, codec.Rule{Path: "$..*"}), tr: codectest.Record(&seen, codectest.Keep), params: p, settings: map[string]string{"names": "literal"}}
	got, err := r.run(body, nil)
	if err == nil && got != body {
		t.Errorf("%q came out as %q", body, got)
	}
	for _, s := range seen {
		values = append(values, s.Value)
	}
	return values, err
}

// TestModSecurity: of the cases of ModSecurity only those are accepted that are
// listed here.
func TestModSecurity(t *testing.T) {
	const p = "multipart parser "
	accepted := []string{
		p + "(normal)", p + "(final CRLF)", p + `(data contains "--")`,
		p + `(boundary contains "boundary")`, p + `(boundary contains "bOuNdArY")`,
		// The test suite lost what these two were about.
		p + "(no final CRLF)", p + "(boundary whitespace in C-T - after value)",
		// The media type is forwarded as it was read: in one spelling.
		p + "(invalid C-T boundary parameter name - case)", p + "(quoted boundary - normal)",
		p + "(C-T parm after boundary -- invalid but tolerated)",
		// Every reader of such a media type has the same boundary, so that another
		// one in the body is text.
		p + "(contains foreign bound., no UNMATCH rule)", p + "(contains foreign bound., strict mode)", p + "(contains foreign bound., permissive mode)",
		p + "(contains foreign bound., wrong sep. bound., strict mode)", p + "(contains foreign bound., wrong sep. bound., permissive mode)",
		p + "(contains foreign bound., all valid, strict mode)", p + "(contains foreign bound., all valid, permissive mode)",
	}
	files, err := filepath.Glob("testdata/modsecurity/*.json")
	if err != nil || len(files) < 7 {
		t.Fatal(files, err)
	}
	table := codec.Table{&format}
	cases := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var all []struct {
			Title   string
			Request struct {
				Headers map[string]string
				Body    []string
			}
		}
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(name, err)
		}
		for _, c := range all {
			cases++
			d := table.Detect(c.Request.Headers["Content-Type"])
			ok := false
			if d.Format != nil {
				_, err = read(t, d.Params, strings.Join(c.Request.Body, "\n")+"\n")
				ok = err == nil
			}
			if ok != slices.ContainsFunc(accepted, func(title string) bool { return strings.HasPrefix(c.Title, title) }) {
				t.Errorf("%s: %s: accepted %t, %v", filepath.Base(name), c.Title, ok, err)
			}
		}
	}
	if cases < 70 {
		t.Errorf("only %d cases", cases)
	}
}

// TestPythonMultipart: the inputs of the tests of the Python package multipart
// 2.0.1, captures of browsers among them, with what its strict and its lax
// reader make of them. What is accepted, both read alike.
func TestPythonMultipart(t *testing.T) {
	text, err := os.ReadFile("testdata/pypi-multipart/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Boundary, Body string
		Strict, Lax    []readPart
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for _, c := range all {
		body := latin1(c.Body)
		values, err := read(t, codec.Params("boundary="+c.Boundary), body)
		if err != nil {
			continue
		}
		accepted++
		for reader, parts := range map[string][]readPart{"strict": c.Strict, "lax": c.Lax} {
			var want []string
			for _, p := range parts {
				want = append(want, latin1(p.Value))
			}
			if !slices.Equal(values, want) {
				t.Errorf("%q: %q, and the %s reader has %q", body, values, reader, want)
			}
		}
	}
	if len(all) < 90 || accepted < 10 {
		t.Errorf("accepted %d of %d", accepted, len(all))
	}
}

// latin1 returns the bytes that the characters of s stand for.
func latin1(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}
