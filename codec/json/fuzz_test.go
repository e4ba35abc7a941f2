package json

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// valid is what jsontext says of body. It takes half a surrogate pair for
// invalid UTF-8, which RFC 8259 does not, so that it is told to let that pass
// and UTF-8 is checked apart.
func valid(body []byte) bool {
	body = bytes.TrimPrefix(body, []byte(byteOrderMark))
	return utf8.Valid(body) &&
		jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// FuzzJSONGrammar: without rules, a body is accepted if and only if jsontext
// accepts it, whole or cut, and comes out as it went in.
func FuzzJSONGrammar(f *testing.F) {
	for _, c := range append(corpus.Bodies, corpus.Refused...) {
		f.Add([]byte(c), uint16(0), uint16(3))
	}
	f.Fuzz(func(t *testing.T, body []byte, first, second uint16) {
		a := int(first) % (len(body) + 1)
		b := a + int(second)%(len(body)-a+1)
		want := valid(body)
		for _, cuts := range [][]int{nil, {a, b}, everywhere(len(body), 1)} {
			got, err := rewrite(nil, nil, codec.Limits{Depth: 10000}, string(body), cuts)
			var e *codec.Error
			if (err == nil) != want || err != nil && !errors.As(err, &e) || err == nil && got != string(body) {
				t.Fatalf("%q cut at %v: %q, %v; jsontext says %t", body, cuts, got, err, want)
			}
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
	{{Path: "$.*"}, {Path: "$[0]"}},
	{{Path: "$..['é']"}, {Path: "$[1][1]"}},
}

// FuzzJSONChunks: error or output, and the fields seen, do not depend on the
// cuts; nor do small limits. What is sealed is valid, and opens to what it was.
func FuzzJSONChunks(f *testing.F) {
	for i, c := range append(corpus.Bodies, corpus.Refused...) {
		f.Add([]byte(c), uint8(i), uint16(i), uint16(2*i), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, body []byte, rules uint8, first, second uint16, tight bool) {
		set := fuzzRules[int(rules)%len(fuzzRules)]
		sel := mustSelect(t, set)
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
		if !valid([]byte(want)) {
			t.Fatalf("%q was sealed as %q", body, want)
		}
		back, err := rewrite(sel, opening, limits, want, everywhere(len(want), 1+a))
		if err != nil || back != string(body) && !escapesGivenUp(set, whole) {
			t.Fatalf("%q was opened as %q, %v", body, back, err)
		}
	})
}

func escapesGivenUp(rules []codec.Rule, fields []seen) bool {
	for _, f := range fields {
		if rules[f.Rule].Unescape && f.Kind == codec.Text {
			return true
		}
	}
	return false
}

// randomValue makes a JSON value.
func randomValue(s *codectest.Source, to *strings.Builder, depth int) {
	blank := func() { to.WriteString([]string{"", "", "", " ", "\n\t"}[s.Below(5)]) }
	name := func() string {
		n := codectest.Names[s.Below(len(codectest.Names))]
		q, _ := jsontext.AppendQuote(nil, n)
		if s.Below(4) == 0 && n == "a" {
			return `"\u0061"`
		}
		return string(q)
	}
	blank()
	switch kind := s.Below(8); {
	case kind < 3 && depth > 0:
		to.WriteByte('{')
		for i := range s.Below(5) {
			if i > 0 {
				to.WriteByte(',')
			}
			blank()
			to.WriteString(name())
			blank()
			to.WriteByte(':')
			randomValue(s, to, depth-1)
		}
		to.WriteByte('}')
	case kind < 5 && depth > 0:
		to.WriteByte('[')
		for i := range s.Below(5) {
			if i > 0 {
				to.WriteByte(',')
			}
			randomValue(s, to, depth-1)
		}
		to.WriteByte(']')
	default:
		to.WriteString([]string{"1", "-0.5e3", "true", "null", `"plain"`, `"\ttab"`, `""`, `"é\ud83d\ude00"`, "false"}[s.Below(9)])
	}
	blank()
}

// expect says what a Transform has to see: the oracle asked of every value that
// jsontext reads, in order, the outermost owned value as a whole. Names are
// those that spelled gives.
func expect(t *testing.T, segs [][]codectest.Segment, body string, spelled func(string) string) (want []string) {
	d := jsontext.NewDecoder(strings.NewReader(body), jsontext.AllowDuplicateNames(true))
	var at []codectest.Step
	var walk func()
	walk = func() {
		if rule := codectest.Owner(segs, at); rule >= 0 {
			v, err := d.ReadValue()
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint(rule, " ", string(bytes.TrimSpace(v))))
			return
		}
		tok, err := d.ReadToken()
		if err != nil {
			t.Fatal(err)
		}
		switch tok.Kind() {
		case '{':
			for d.PeekKind() != '}' {
				name, err := d.ReadToken()
				if err != nil {
					t.Fatal(err)
				}
				at = append(at, codectest.Step{Name: spelled(name.String()), Index: -1})
				walk()
				at = at[:len(at)-1]
			}
			_, _ = d.ReadToken()
		case '[':
			for i := 0; d.PeekKind() != ']'; i++ {
				at = append(at, codectest.Step{Index: i})
				walk()
				at = at[:len(at)-1]
			}
			_, _ = d.ReadToken()
		}
	}
	walk()
	return want
}

// manyRules fill several words of a Selector.
const manyRules = 60

// FuzzJSONFields compares the fields of random documents under random rules,
// few or many, names folded or not, with the oracle's.
func FuzzJSONFields(f *testing.F) {
	f.Add([]byte("\x01\x03\x00\x02\x00"), []byte("\x00\x00\x03\x00\x01"))
	for i := range 24 {
		rules, doc := make([]byte, 60+i*40), make([]byte, 300+i*30)
		for k := range rules {
			rules[k] = byte(k*k*7 + i*31 + k)
		}
		for k := range doc {
			doc[k] = byte((k*k + i*k*3 + i*13) >> 1)
		}
		f.Add(rules, doc)
	}
	f.Fuzz(func(t *testing.T, rules, doc []byte) {
		set, segs := (&codectest.Source{Data: rules}).Rules(manyRules)
		var b strings.Builder
		randomValue(&codectest.Source{Data: doc}, &b, 6)
		checkFields(t, mustSelect(t, set), segs, b.String(), func(name string) string { return name })
		set, segs = codectest.Folded(set, segs)
		checkFields(t, mustFold(t, set), segs, b.String(), codectest.FoldName)
	})
}

// checkFields compares what a Transform sees of body with what expect says.
func checkFields(t *testing.T, sel *codec.Selector, segs [][]codectest.Segment, body string, spelled func(string) string) {
	t.Helper()
	want := strings.Join(expect(t, segs, body, spelled), "|")
	for _, by := range []int{len(body) + 1, 1, 7} {
		var got []string
		tr := func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
			v := string(batch[0].Value)
			if batch[0].Kind == codec.Text {
				v = `"` + v + `"`
			}
			got = append(got, fmt.Sprint(batch[0].Rule, " ", v))
			return dst, 0, codec.ErrKeep
		}
		out, err := rewrite(sel, tr, codec.Limits{}, body, everywhere(len(body), by))
		if err != nil || out != body || strings.Join(got, "|") != want {
			t.Fatalf("rules %v, by %d, %v\nbody %s\n got %s\nwant %s", segs, by, err, body, got, want)
		}
	}
}

// FuzzJSONRules: under rules and a Guard, a body is accepted if and only if
// jsontext accepts it. Half a surrogate pair and NUL may be refused where they
// would have to be compared.
func FuzzJSONRules(f *testing.F) {
	for i, c := range append(corpus.Bodies, corpus.Refused...) {
		f.Add([]byte(c), uint8(i), uint16(i), uint16(3), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, body []byte, rules uint8, first, second uint16, fold bool) {
		set := fuzzRules[int(rules)%len(fuzzRules)]
		sel := mustSelect(t, set)
		if fold {
			sel = mustFold(t, set)
		}
		sel = sel.Guarded(codec.Guard{Patch: true, Envelope: isHead})
		low := strings.ToLower(string(body))
		choosy := strings.Contains(low, `\ud`) || strings.Contains(low, `\u0000`)
		a := int(first) % (len(body) + 1)
		b := a + int(second)%(len(body)-a+1)
		want := valid(body)
		for _, cuts := range [][]int{nil, {a, b}, everywhere(len(body), 1), everywhere(len(body), 9)} {
			got, err := rewrite(sel, keep, codec.Limits{Depth: 10000, Fields: 1 << 30}, string(body), cuts)
			var e *codec.Error
			guarded := errors.As(err, &e) && (e.Code == codec.EnvelopeFound || e.Code == codec.PatchFound)
			if err == nil && (!want || got != string(body)) || err != nil && want && !choosy && !guarded {
				t.Fatalf("%q cut at %v, rules %v: %q, %v; jsontext says %t", body, cuts, set, got, err, want)
			}
		}
	})
}

// stringPieces are what FuzzJSONEnvelopes makes strings of.
var stringPieces = []string{"sm1.", "s", "m", "1", ".", "A", "Bcd", stolen[4:], stolen, `\u0073`, `\u0041`, `\u002e`, `\n`, `\\`, "é", " ", `\u00e9`, stolen[:12], stolen[12:], strings.Repeat("x", 120)}

// randomText makes the inside of a string that may hold an envelope.
func randomText(s *codectest.Source) string {
	var b strings.Builder
	for range s.Below(8) {
		b.WriteString(stringPieces[s.Below(len(stringPieces))])
	}
	return b.String()
}

// FuzzJSONEnvelopes: a body is refused if and only if a name or a string that
// jsontext reads holds an envelope, except strings where a rule opens.
func FuzzJSONEnvelopes(f *testing.F) {
	f.Add([]byte("\x01\x08\x01\x02"), uint16(3))
	for i := range 24 {
		doc := make([]byte, 120)
		for k := range doc {
			doc[k] = byte((k*k*5 + i*k*7 + i*29) >> 1)
		}
		f.Add(doc, uint16(i*7))
	}
	sel := guarded(f, codec.Guard{Envelope: isHead, Patch: true}, codec.Rule{Path: "$..open", Open: true}, codec.Rule{Path: "$..seal"}, codec.Rule{Path: "$.list[1]"})
	envelope := regexp.MustCompile(`sm1\.A[0-9A-Za-z_-]{23}`)
	f.Fuzz(func(t *testing.T, doc []byte, cut uint16) {
		s := &codectest.Source{Data: doc}
		var b strings.Builder
		b.WriteString(`{"list":[1,"` + randomText(s) + `"]`)
		for range s.Below(6) {
			fmt.Fprintf(&b, `,"%s":"%s"`, []string{"open", "seal", "note", randomText(s)}[s.Below(4)], randomText(s))
		}
		b.WriteByte('}')
		body := b.String()
		var found, opens bool
		d := jsontext.NewDecoder(strings.NewReader(body), jsontext.AllowDuplicateNames(true))
		for {
			tok, err := d.ReadToken()
			if err != nil {
				break
			}
			kind, n := d.StackIndex(d.StackDepth())
			isName := kind == '{' && n%2 == 1
			if tok.Kind() == '"' && envelope.MatchString(tok.String()) && (isName || !opens) {
				found = true
			}
			opens = isName && tok.Kind() == '"' && tok.String() == "open"
		}
		for _, cuts := range [][]int{nil, {int(cut) % (len(body) + 1)}, everywhere(len(body), 1), everywhere(len(body), 13)} {
			if got := codeFor(t, sel, body, cuts); (got == codec.EnvelopeFound) != found {
				t.Fatalf("%s cut at %v: %q, and jsontext says %t", body, cuts, got, found)
			}
		}
	})
}
