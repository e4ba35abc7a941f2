package form

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// FuzzGrammar: without rules, a body is accepted if and only if the naive
// reader accepts it, whole or cut, and comes out as it went in. net/url then
// reads the pairs that the naive reader does.
func FuzzGrammar(f *testing.F) {
	for _, c := range append(corpus.Bodies, corpus.Refused...) {
		f.Add([]byte(c), uint16(0), uint16(3))
	}
	f.Fuzz(func(t *testing.T, body []byte, first, second uint16) {
		a := int(first) % (len(body) + 1)
		b := a + int(second)%(len(body)-a+1)
		pairs, want := naive(string(body))
		for _, cuts := range [][]int{nil, {a, b}, everywhere(len(body), 1)} {
			got, err := rewrite(nil, nil, codec.Limits{}, string(body), cuts)
			var e *codec.Error
			if (err == nil) != want || err != nil && !errors.As(err, &e) || err == nil && got != string(body) {
				t.Fatalf("%q cut at %v: %q, %v; the naive reader says %t", body, cuts, got, err, want)
			}
		}
		if !want {
			return
		}
		byName := url.Values{}
		for _, p := range pairs {
			byName.Add(p.name, p.value)
		}
		if got, err := url.ParseQuery(string(body)); err != nil || fmt.Sprint(got) != fmt.Sprint(byName) {
			t.Fatalf("%q: net/url reads %q, %v; the naive reader %q", body, got, err, byName)
		}
	})
}

// fuzzRules look everywhere and nowhere, so that every path of the scanner is
// taken.
var fuzzRules = [][]codec.Rule{
	{{Path: "$"}},
	{{Path: "$.a"}, {Path: "$..b", Unescape: true}, {Path: "$.c[1]"}},
	{{Path: "$.a.a"}, {Path: "$.b[*].a", Unescape: true}},
	{{Path: "$..*"}},
	{{Path: "$.nothing"}},
	{{Path: "$..['é']"}, {Path: "$[1][1]"}, {Path: "$.ssn"}},
}

// FuzzChunks: error or output, and the fields seen, do not depend on the cuts;
// nor do small limits. What is sealed opens to what it was.
func FuzzChunks(f *testing.F) {
	for i, c := range append(corpus.Bodies, corpus.Refused...) {
		f.Add([]byte(c), uint8(i), uint16(i), uint16(2*i), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, body []byte, rules uint8, first, second uint16, tight bool) {
		set := fuzzRules[int(rules)%len(fuzzRules)]
		sel := codectest.Select(t, set...).Guarded(codec.Guard{Method: true, Envelope: func([]byte) bool { return true }})
		limits := codec.Limits{}
		if tight {
			limits = codec.Limits{ValueBytes: 6, Depth: 3, Fields: 3, NameBytes: 5, BodyBytes: 40}
		}
		var whole []seen
		want, wantErr := rewrite(sel, recording(&whole, sealing), limits, string(body), nil)
		a := int(first) % (len(body) + 1)
		b := a + int(second)%(len(body)-a+1)
		for _, cuts := range [][]int{{a, b}, everywhere(len(body), 1), everywhere(len(body), 3)} {
			var cut []seen
			got, err := rewrite(sel, recording(&cut, sealing), limits, string(body), cuts)
			if got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) || err == nil && fmt.Sprint(cut) != fmt.Sprint(whole) {
				t.Fatalf("%q cut at %v: %q, %v, fields %v\nwhole: %q, %v, fields %v", body, cuts, got, err, cut, want, wantErr, whole)
			}
		}
		if wantErr != nil || tight {
			return
		}
		back, err := rewrite(sel, opening, limits, want, everywhere(len(want), 1+a))
		if err != nil || back != string(body) && !slices.ContainsFunc(whole, func(f seen) bool { return set[f.Rule].Unescape }) {
			t.Fatalf("%q was opened as %q, %v", body, back, err)
		}
	})
}

// nameBits are what names are made of.
var nameBits = []string{"a", "b", "c", "[", "]", "[]", ".", " ", "0", "1", "é", "'", "(", ")", "!", "_", "+", "A", "aa", "=", "&", "[a]", "[b]", ".a"}

// FuzzFields: in a form of any names, the values that rules own in some reading
// of the naive reader are those that a Transform is given.
func FuzzFields(f *testing.F) {
	for i := range 40 {
		f.Add([]byte(strings.Repeat(string(rune('a'+i)), 5)+"seed of names"), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		s := &codectest.Source{Data: data}
		set, segs := s.Rules(6)
		if slices.ContainsFunc(segs, func(p []codectest.Segment) bool { return len(p) == 0 }) {
			return // $ owns all
		}
		sel := codectest.Select(t, set...)
		var body []string
		var want [][]int
		pieces := false
		for i := range 1 + s.Below(4) {
			var name strings.Builder
			for range s.Below(5) { // the naive reader takes time exponential in this
				name.WriteString(nameBits[s.Below(len(nameBits))])
			}
			text := name.String()
			if text == "" && i > 0 {
				continue
			}
			raw := url.QueryEscape(text)
			if s.Below(2) == 0 && !strings.ContainsAny(text, "&=+") {
				raw = text
			}
			body = append(body, raw+"="+fmt.Sprint(i))
			if o := owners(segs, text); len(o) > 0 {
				want = append(want, append(o, i))
				pieces = pieces || slices.ContainsFunc(rackRun.FindAllString(text, -1), railsPiece.MatchString)
			}
		}
		var fields []seen
		text := strings.Join(body, "&")
		got, err := rewrite(sel, recording(&fields, keep), codec.Limits{}, text, everywhere(len(text), 1+int(cut)))
		if pieces {
			if err == nil {
				t.Fatalf("%v in %q: a piece of a value was accepted", set, text)
			}
			return
		}
		if err != nil || got != text {
			t.Fatalf("%q: %q, %v", text, got, err)
		}
		if len(fields) != len(want) {
			t.Fatalf("%v in %q: fields %v, want %v", set, text, fields, want)
		}
		for k, f := range fields {
			if w := want[k]; f.Value != fmt.Sprint(w[len(w)-1]) || !slices.Contains(w[:len(w)-1], f.Rule) {
				t.Fatalf("%v in %q: fields %v, want %v", set, text, fields, want)
			}
		}
	})
}
