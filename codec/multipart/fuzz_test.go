package multipart

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// FuzzMultipartGrammar: a body is accepted if and only if the naive reader
// accepts it, whole or cut. What is accepted, the naive reader and
// mime/multipart read alike.
func FuzzMultipartGrammar(f *testing.F) {
	for _, c := range append(corpus.Bodies, corpus.Refused...) {
		f.Add(boundary, c, uint16(0), uint16(3))
	}
	for _, line := range []string{"Content-Type: text/plain; charset=utf-8", "content-length:5", "Content-Type: multipart/mixed", "X: y", `Content-Disposition: form-data; name=b; filename="c"`} {
		f.Add(boundary, headed(plainName, line), uint16(9), uint16(1))
		f.Add(boundary, headed(line, plainName), uint16(70), uint16(1))
	}
	f.Fuzz(checkGrammar)
}

// checkGrammar compares what three readers make of a body.
func checkGrammar(t *testing.T, boundary, body string, first, second uint16) {
	want, ok := readNaively(boundary, body)
	ok = ok && len(body) < 1<<16
	a := int(first) % (len(body) + 1)
	b := a + int(second)%(len(body)-a+1)
	for _, cuts := range [][]int{nil, {a, b}, codectest.Everywhere(len(body), 1)} {
		got, values, err := everyValue(boundary, body, cuts)
		if e, isCodec := errors.AsType[*codec.Error](err); err != nil && !isCodec || (err == nil) != ok && codeOf(e) != codec.TooLarge {
			t.Fatalf("%q cut at %v: %v; the naive reader says %t", body, cuts, err, ok)
		}
		if err != nil {
			continue
		}
		if got != body || !slices.Equal(values, valuesOf(want)) {
			t.Fatalf("%q cut at %v: %q, the naive reader has %+v", body, cuts, values, want)
		}
	}
	if !ok {
		return
	}
	if parts, err := readMIME(boundary, body); err != nil || !slices.Equal(parts, want) {
		t.Fatalf("%q: mime/multipart has %+v, %v; the naive reader %+v", body, parts, err, want)
	}
}

// pieces are what FuzzMultipartPieces makes bodies of.
var pieces = []string{
	"--B", "--B\r\n", "--B\r\n", "\r\n--B\r\n", "\r\n--B--", "\r\n--B--\r\n", "--b\r\n", "---B", "\r\n", "\r\n", "\r\n\r\n", "\n", "\r", "-", "--", " ", "\t", "\x00",
	"Content-Disposition: form-data; name=", "content-disposition:form-data;name=", "Content-Disposition: form-data", "; filename=", "; name=", "; filename*=", ";",
	`"a"`, `"ssn"`, `"s\sn"`, `"`, "ssn", "'ssn'", "a%41", "é", "\xc3", "=?", "_charset_", "x",
	"Content-Type: text/plain", "Content-Type: ", "multipart/mixed", "a/b", "; charset=utf-8", "; charset=utf-16", "; charset=us-ascii", `"=?utf-8?B?w7w=?="; filename*=utf-8''%C3%BC`, "Content-Length: 1", "Content-Length: 5", "Content-Transfer-Encoding: base64", "X-A: b", ":",
	headed(plainName), "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", "\r\nContent-Disposition: form-data; name=\"ssn\"; filename=\"b\"\r\n\r\n", "v\r\n--B",
}

// FuzzMultipartPieces is FuzzMultipartGrammar for bodies of known pieces.
func FuzzMultipartPieces(f *testing.F) {
	f.Add([]byte{1, 18, 25, 10, 4}, uint16(3), uint16(1))
	f.Add([]byte{0, 49, 35, 51, 50, 34, 5}, uint16(9), uint16(2))
	f.Add([]byte{1, 18, 26, 21, 25, 8, 36, 39, 8, 41, 10, 35, 4}, uint16(40), uint16(20))
	f.Fuzz(func(t *testing.T, doc []byte, first, second uint16) {
		s := &codectest.Source{Data: doc}
		var b strings.Builder
		for len(s.Data) > 0 {
			b.WriteString(pieces[s.Below(len(pieces))])
		}
		checkGrammar(t, "B", b.String(), first, second)
	})
}

// everyValue runs body through a Writer with a rule for everything.
func everyValue(boundary, body string, cuts []int) (got string, values []string, err error) {
	sel, err := codec.NewSelector([]codec.Rule{{Path: "$..*"}})
	if err != nil {
		return "", nil, err
	}
	plain, err := codec.NewSelector(nil)
	if err != nil {
		return "", nil, err
	}
	p := codec.Params(`boundary="` + boundary + `"`)
	if d := (codec.Table{&format}).Detect("multipart/form-data; " + string(p)); d.Format == nil {
		return "", nil, &codec.Error{}
	}
	if _, err := (rewriting{sel: plain, params: p, limits: codec.Limits{BodyBytes: 1 << 16}}).run(body, cuts); err != nil {
		return "", nil, err
	}
	var seen []codectest.Seen
	got, err = rewriting{sel: sel, tr: codectest.Record(&seen, codectest.Keep), params: p}.run(body, cuts)
	for _, s := range seen {
		values = append(values, s.Value)
	}
	return got, values, err
}

func valuesOf(parts []readPart) (values []string) {
	for _, p := range parts {
		values = append(values, p.Value)
	}
	return values
}

// fuzzRules look everywhere and nowhere.
var fuzzRules = [][]codec.Rule{
	{{Path: "$"}}, {{Path: "$.ssn"}, {Path: "$..email", Unescape: true}}, {{Path: "$.order.card"}, {Path: "$.a", Open: true}}, {{Path: "$..*"}},
	{{Path: "$.list[*]"}, {Path: "$.user.email"}}, {{Path: "$.order"}, {Path: "$.nothing"}},
}

// FuzzMultipartChunks: error or output, and the fields seen, do not depend on
// the cuts; nor do small limits. What is sealed opens to what it was.
func FuzzMultipartChunks(f *testing.F) {
	for i, c := range append(corpus.Bodies, corpus.Refused...) {
		f.Add(c, uint8(i), uint16(i), uint16(2*i), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, body string, rules uint8, first, second uint16, tight bool) {
		set := fuzzRules[int(rules)%len(fuzzRules)]
		sel := codectest.Select(t, set...).Guarded(codec.Guard{Envelope: isHead, Method: true})
		r := rewriting{sel: sel, settings: documents}
		if tight {
			r.limits = codec.Limits{ValueBytes: 6, Depth: 3, Fields: 3, NameBytes: 5, BodyBytes: 200}
		}
		run := func(cuts []int) (got string, seen []codectest.Seen, err error) {
			r.tr = codectest.Record(&seen, codectest.Seal)
			got, err = r.run(body, cuts)
			return got, seen, err
		}
		want, whole, wantErr := run(nil)
		a := int(first) % (len(body) + 1)
		b := a + int(second)%(len(body)-a+1)
		for _, cuts := range [][]int{{a, b}, codectest.Everywhere(len(body), 1), codectest.Everywhere(len(body), 3)} {
			got, cut, err := run(cuts)
			if got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) || err == nil && fmt.Sprint(cut) != fmt.Sprint(whole) {
				t.Fatalf("%q cut at %v: %q, %v, fields %v\nwhole: %q, %v, fields %v", body, cuts, got, err, cut, want, wantErr, whole)
			}
		}
		if wantErr != nil || tight {
			return
		}
		r.tr = codectest.Open
		back, err := r.run(want, codectest.Everywhere(len(want), 1+a))
		if err != nil || back != body && !slices.ContainsFunc(set, func(r codec.Rule) bool { return r.Unescape }) {
			t.Fatalf("%q was opened as %q, %v", want, back, err)
		}
	})
}
