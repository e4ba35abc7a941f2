package json

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// records of both formats: what a line is, and what a text is.
func asLine(text string) string { return text + "\n" }
func asText(text string) string { return "\x1e" + text + "\n" }

func recordCorpus(as func(string) string) codectest.Corpus {
	c := corpus
	one := func(f func(int) string) func(int) string { return func(n int) string { return as(f(n)) } }
	c.Value, c.Nested, c.Named = one(corpus.Value), one(corpus.Nested), one(corpus.Named)
	c.Called = func(name string) string { return as("{}") + as(corpus.Called(name)) }
	c.Records, c.Wide = true, one(corpus.Many)
	c.Many = func(n int) string { return strings.Repeat(as(`{"email":"x"}`), n) }
	c.Pad = func(body string, n int) string { return body[:len(body)-1] + strings.Repeat(" ", n) + "\n" }
	c.Bodies, c.Refused = nil, nil
	all := ""
	for _, body := range corpus.Bodies {
		if body = strings.TrimSpace(body); body[0] < 0x80 && !strings.Contains(body, "\n") {
			c.Bodies, all = append(c.Bodies, as(body)), all+as(body)
		}
	}
	c.Bodies = append(c.Bodies, all, "")
	for _, body := range corpus.Refused {
		if body = strings.TrimSpace(body); body != "" {
			c.Refused = append(c.Refused, as(body), as(`{"ssn":"CANARY"}`)+as(body)+as(`{}`))
		}
	}
	return c
}

func TestLinesConformance(t *testing.T) {
	c := recordCorpus(asLine)
	c.Bodies = append(c.Bodies,
		`{"ssn":"no LF"}`, "{\"ssn\":\"a\"}\r\n{\"ssn\":\"b\"}\r\n", "\n\n{\"ssn\":1}\n \t\n\r\n2\n", "12\n34\n-5", "\n", "  ", "\"x\"\n \"y\" \n",
	)
	c.Refused = append(c.Refused,
		"{\"ssn\":\"CANARY\"}\n{\"ssn\":\n\"CANARY\"}\n", "[\n{\"ssn\":\"CANARY\"}\n]\n", `{"ssn":"CANARY"} {"ssn":"CANARY"}`, `[1][2]`,
		"{\"ssn\":\"CANARY\"}\r{\"ssn\":\"CANARY\"}\n", "[\r{\"ssn\":\"CANARY\"}\r]\n", "[\r\n{\"ssn\":\"CANARY\"}\r\n]\r\n", "1\r\r\n", "{}\r", "\r",
		"\ufeff{\"ssn\":\"CANARY\"}\n", "{}\n\ufeff{\"ssn\":\"CANARY\"}\n", "\x1e{\"ssn\":\"CANARY\"}\n", "{}\n\x1e\n", "{\"ssn\":\"a\x1eb\"}\n",
		"{}\n{\"ssn\":\"CANARY", "{}\n{\"ssn\":\"CANARY\n", "tru\n", "{}\x00\n", "{}\x85{}", "{}\u2028{}",
	)
	codectest.Run(t, &Lines, c)
}

func TestSequenceConformance(t *testing.T) {
	c := recordCorpus(asText)
	c.Bodies = append(c.Bodies, "\x1e{\n\"ssn\" : \"several\",\r\n\"email\":\"lines\"\n}\n\x1e 1 \r\n", "\x1e12\n\x1e34\n")
	c.Refused = append(c.Refused,
		"{\"ssn\":\"CANARY\"}\n", "\n\x1e{\"ssn\":\"CANARY\"}\n", "\ufeff\x1e{\"ssn\":\"CANARY\"}\n",
		"\x1e", "\x1e\n", "\x1e\x1e{\"ssn\":\"CANARY\"}\n", "\x1e{\"ssn\":\"CANARY\"}", "\x1e{\"ssn\":\"CANARY\"}\x1e{}\n", "\x1e{\"ssn\":\"CANARY\"}\n ",
		"\x1e12\x1e34\n", "\x1e12", "\x1e{\"ssn\":\"CANARY\n", "\x1e{\"ssn\":\"CANARY\x1e\"}\n", "\x1e{\"ssn\":\"CANARY\"}\n{}\n", "\x1e{\"ssn\":[\x1e\"CANARY\"]}\n",
	)
	// A byte order mark begins no text.
	c.Refused = append(c.Refused, "\x1e\ufeff{\"ssn\":\"CANARY\"}\n")
	codectest.Run(t, &Sequence, c)
}

// validLines and validSequence are naive readers, around jsontext.
func validLines(body string) bool {
	for line := range strings.SplitSeq(body, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.Contains(line, "\r") || strings.Trim(line, " \t") != "" && !validText(line) {
			return false
		}
	}
	return len(body) == 0 || body[len(body)-1] != '\r'
}

func validSequence(body string) bool {
	texts := strings.Split(body, "\x1e")
	for _, text := range texts[1:] {
		if !validText(text) || text[len(text)-1] != '\n' {
			return false
		}
	}
	return texts[0] == ""
}

func validText(text string) bool {
	return !strings.HasPrefix(text, byteOrderMark) && valid([]byte(text))
}

// FuzzRecords: a body is accepted if and only if the naive readers accept it,
// whole or cut, and comes out as it went in.
func FuzzRecords(f *testing.F) {
	for _, c := range append(recordCorpus(asLine).Bodies, recordCorpus(asText).Bodies...) {
		f.Add(c, uint16(len(c)/2))
	}
	for _, c := range []string{"{}\r\n1\r\n", "{}\r1", "\x1e{}\n\x1e", "12", "\r", "[\n]", "\x1e1\x1e2\n", "\ufeff1\n"} {
		f.Add(c, uint16(1))
	}
	sel := mustSelect(f, fuzzRules[1])
	f.Fuzz(func(t *testing.T, body string, cut uint16) {
		for format, want := range map[*codec.Format]bool{&Lines: validLines(body), &Sequence: validSequence(body)} {
			var whole []seen
			_, wholeErr := codectest.Rewrite(format, sel, recording(&whole, keep), codec.Limits{}, body, nil)
			for _, cuts := range [][]int{nil, {int(cut) % (len(body) + 1)}, everywhere(len(body), 1)} {
				got, err := codectest.Rewrite(format, nil, nil, codec.Limits{Depth: 10000}, body, cuts)
				if (err == nil) != want || err == nil && got != body {
					t.Fatalf("%s %q cut at %v: %q, %v; want %t", format.Name, body, cuts, got, err, want)
				}
				var fields []seen
				got, err = codectest.Rewrite(format, sel, recording(&fields, keep), codec.Limits{}, body, cuts)
				if fmt.Sprint(err) != fmt.Sprint(wholeErr) || err == nil && (got != body || fmt.Sprint(fields) != fmt.Sprint(whole)) {
					t.Fatalf("%s %q cut at %v: %q, %v, %v; whole %v, %v", format.Name, body, cuts, got, fields, err, whole, wholeErr)
				}
			}
		}
	})
}

// TestRecordCases: each record is held to the cases of a body.
func TestRecordCases(t *testing.T) {
	for _, tc := range bodyCases(t) {
		blank := strings.TrimSpace(tc.body) == ""
		for _, f := range []struct {
			format *codec.Format
			body   string
			accept bool
		}{
			{&Lines, "{}\n" + tc.body + "\n1\n", (tc.accept || blank || tc.name == "n_ndjson") && validLines(tc.body+"\n")},
			{&Sequence, "\x1e{}\n\x1e" + tc.body + "\n\x1e1\n", tc.accept && !strings.HasPrefix(tc.body, byteOrderMark)},
		} {
			for _, step := range []int{len(f.body) + 1, 1, 3} {
				got, err := codectest.Rewrite(f.format, mustSelect(t, []codec.Rule{{Path: "$.a"}}), keep, codec.Limits{}, f.body, everywhere(len(f.body), step))
				if (err == nil) != f.accept || err == nil && got != f.body {
					t.Errorf("%s %s, by %d: %q, %v", f.format.Name, tc.name, step, got, err)
				}
			}
		}
	}
}

// TestRecordFields: each record is the root of its own, at its own elements.
func TestRecordFields(t *testing.T) {
	rules := []codec.Rule{{Path: "$.a"}, {Path: "$[1]"}, {Path: "$[0].a"}, {Path: "$..c", Open: true}}
	texts := []string{`{"a":1,"b":{"a":2}}`, `[{"a":3},"4"]`, `"x"`, `{"a":{"c":"5"}}`, `{"c":"\u0073m1."}`}
	const want = `0 literal 1|2 literal 3|1 text 4|0 literal {"c":"5"}|3 text sm1.`
	for format, as := range map[*codec.Format]func(string) string{&Lines: asLine, &Sequence: asText} {
		body := ""
		for _, text := range texts {
			body += as(text)
		}
		for _, step := range []int{len(body), 1, 5} {
			var fields []seen
			_, err := codectest.Rewrite(format, mustSelect(t, rules), recording(&fields, sealing), codec.Limits{}, body, everywhere(len(body), step))
			if err != nil || describe(fields) != want {
				t.Errorf("%s by %d: %s, %v", format.Name, step, describe(fields), err)
			}
		}
	}
}

// TestRecordGuard: the guard holds for every record, as does the limit of
// fields.
func TestRecordGuard(t *testing.T) {
	guard := codec.Guard{Root: codec.ObjectRoot, Patch: true, Envelope: isHead}
	for _, tc := range []struct {
		texts []string
		code  codec.Code
	}{
		{[]string{`{"ssn":1}`, `{"op":"test"}`, `{"path":"x"}`}, ""},
		{[]string{`{"ssn":1}`, `[]`}, codec.WrongRoot},
		{[]string{`{}`, `{"Operations":[{"op":"add","path":"ssn","value":"CANARY"}]}`}, codec.PatchFound},
		{[]string{`{}`, `{"x":"` + stolen + `"}`}, codec.EnvelopeFound},
		{[]string{`{}`, `{"` + stolen + `":1}`}, codec.EnvelopeFound},
		{[]string{`{"ssn":1}`, `{"ssn":2}`, `{"ssn":3}`}, ""},
		{[]string{`{}`, `{"ssn":1,"ssn":2}`, `{}`}, ""},
		{[]string{`{}`, `{"ssn":1,"ssn":2,"ssn":3}`}, codec.FieldLimit},
	} {
		for format, as := range map[*codec.Format]func(string) string{&Lines: asLine, &Sequence: asText} {
			body := ""
			for _, text := range tc.texts {
				body += as(text)
			}
			sel := mustSelect(t, []codec.Rule{{Path: "$.ssn"}}).Guarded(guard)
			for _, step := range []int{len(body), 1} {
				_, err := codectest.Rewrite(format, sel, sealing, codec.Limits{Fields: 2}, body, everywhere(len(body), step))
				e, _ := errors.AsType[*codec.Error](err)
				if tc.code == "" && err != nil || tc.code != "" && (e == nil || e.Code != tc.code || e.Format != format.Name) {
					t.Errorf("%s %q by %d: %v, want %s", format.Name, body, step, err, tc.code)
				}
			}
		}
	}
}

// TestRecordLiterals: a literal that takes several lines opens only where a
// record may.
func TestRecordLiterals(t *testing.T) {
	for _, literal := range []string{"{\n\"ssn\":1}", "[1,\r2]", "[\r\n]"} {
		open := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, literal...), codec.Literal, nil
		}
		sel := mustSelect(t, []codec.Rule{{Path: "$.a"}})
		_, err := codectest.Rewrite(&Lines, sel, open, codec.Limits{}, "{\"a\":\"x\"}\n", nil)
		if e, _ := errors.AsType[*codec.Error](err); e == nil || e.Code != codec.WrongKind {
			t.Errorf("%q in a line: %v", literal, err)
		}
		got, err := codectest.Rewrite(&Sequence, sel, open, codec.Limits{}, "\x1e{\"a\":\"x\"}\n", nil)
		if want := "\x1e{\"a\":" + literal + "}\n"; err != nil || got != want {
			t.Errorf("%q in a text: %q, %v", literal, got, err)
		}
	}
}
