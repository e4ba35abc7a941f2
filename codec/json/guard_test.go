package json

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// isHead takes what begins with suite A for an envelope.
func isHead(text []byte) bool {
	for _, c := range text[len("sm1."):] {
		if !codec.EnvelopeChar(c) {
			return false
		}
	}
	return text[len("sm1.")] == 'A'
}

// stolen is an envelope as short as they come.
var stolen = "sm1.A" + strings.Repeat("Qb-_", 11)

func guarded(t testing.TB, g codec.Guard, rules ...codec.Rule) *codec.Selector {
	t.Helper()
	return mustSelect(t, rules).Guarded(g)
}

// codeFor runs body through a Writer and returns the code it was refused with,
// "" for none.
func codeFor(t *testing.T, sel *codec.Selector, body string, cuts []int) codec.Code {
	t.Helper()
	got, err := rewrite(sel, keep, codec.Limits{}, body, cuts)
	var e *codec.Error
	switch {
	case err == nil && got == body:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	t.Fatalf("%s cut at %v: %s, %v", body, cuts, got, err)
	return ""
}

// A guardCase is a body and the code that it is refused with, wherever it is
// cut.
type guardCase struct {
	body string
	code codec.Code
}

func checkGuard(t *testing.T, sel *codec.Selector, cases []guardCase) {
	t.Helper()
	for _, c := range cases {
		want := fmt.Sprint(rewrite(sel, keep, codec.Limits{}, c.body, nil))
		for _, cuts := range cuttings(len(c.body)) {
			if got := codeFor(t, sel, c.body, cuts); got != c.code {
				t.Errorf("%.120s cut at %v: %q, want %q", c.body, cuts, got, c.code)
				break
			}
			if got := fmt.Sprint(rewrite(sel, keep, codec.Limits{}, c.body, cuts)); got != want {
				t.Errorf("%.120s cut at %v: %s, whole %s", c.body, cuts, got, want)
				break
			}
		}
	}
}

// u escapes every character of s, or those at the given places.
func u(s string, at ...int) string {
	var b strings.Builder
	for i, c := range []byte(s) {
		escape := len(at) == 0
		for _, k := range at {
			escape = escape || i == k
		}
		if escape {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func TestEnvelopesAreRefused(t *testing.T) {
	text := strings.Repeat("a text with v1.2 in it. ", 20)
	sel := guarded(t, codec.Guard{Envelope: isHead}, codec.Rule{Path: "$..open", Open: true}, codec.Rule{Path: "$..seal"}, codec.Rule{Path: "$..kept", Envelopes: true})
	checkGuard(t, sel, []guardCase{
		{`{"note":"` + stolen + `"}`, codec.EnvelopeFound},
		{`{"note":{"x":["` + stolen + `"]}}`, codec.EnvelopeFound},
		{`["` + stolen + `"]`, codec.EnvelopeFound},
		{`"` + stolen + `"`, codec.EnvelopeFound},
		{`{"` + stolen + `":1}`, codec.EnvelopeFound},
		{`{"a":{"` + u(stolen, 1) + `":1}}`, codec.EnvelopeFound},
		{`{"note":"` + u(stolen) + `"}`, codec.EnvelopeFound},
		{`{"note":"\u0073m1.` + stolen[4:] + `"}`, codec.EnvelopeFound},
		{`{"note":"` + u(stolen, 20) + `"}`, codec.EnvelopeFound},
		{`{"note":"` + u(stolen, 3, 9) + `"}`, codec.EnvelopeFound},
		{`{"note":"é\n\\` + stolen + `"}`, codec.EnvelopeFound},
		{`{"note":"` + text + stolen + text + `"}`, codec.EnvelopeFound},
		{`{"note":"` + text + u(stolen, 0) + text + `"}`, codec.EnvelopeFound},
		{`{"note":"sm1.` + stolen + `"}`, codec.EnvelopeFound},
		{`{"note":"sm1.Abcdefghijklmnopq` + stolen + `"}`, codec.EnvelopeFound},
		{`{"note":"` + stolen[:codec.HeadLen] + `"}`, codec.EnvelopeFound},
		{`{"seal":"` + stolen + `"}`, codec.EnvelopeFound},
		{`{"seal":"x` + stolen + `"}`, codec.EnvelopeFound},
		{`{"seal":{"a":["` + stolen + `"]}}`, codec.EnvelopeFound},
		{`{"open":{"a":"` + stolen + `"}}`, codec.EnvelopeFound},
		{`{"open":{"` + stolen + `":1}}`, codec.EnvelopeFound},
		{`{"kept":"` + u(stolen, 1) + `"}`, codec.EnvelopeFound},
		{`{"kept":["` + stolen + `"]}`, codec.EnvelopeFound},

		{`{"open":"` + stolen + `"}`, ""},
		{`{"open":"` + u(stolen) + `","x":[{"open":"` + stolen + `"}]}`, ""},
		{`{"open":"x ` + stolen + `"}`, ""},
		{`{"kept":"` + stolen + `"}`, ""},
		{`{"note":"` + stolen[:codec.HeadLen-1] + `"}`, ""},
		{`{"note":"` + stolen[:codec.HeadLen-1] + ` ` + stolen[codec.HeadLen-1:] + `"}`, ""},
		{`{"note":"` + strings.Replace(stolen, "A", "B", 1) + `"}`, ""},
		{`{"note":"` + strings.Replace(stolen, "b", `\b`, 1) + `"}`, ""},
		{`{"note":"` + u(strings.Replace(stolen, "A", "B", 1)) + text + `"}`, ""},
		{`{"note":"\\` + u(stolen, 0)[1:] + `"}`, ""}, // a backslash and u0073, which no unescaping makes an s
		{`{"note":"` + stolen[:10] + `","b":"` + stolen[10:] + `"}`, ""},
		{`{"` + strings.Repeat("n", 60) + `":"` + text + `"}`, ""},
		{`{"note":"` + text + `"}`, ""},
	})
}

// Without a Guard an envelope is a text like any other.
func TestEnvelopesWithoutGuard(t *testing.T) {
	checkGuard(t, mustSelect(t, []codec.Rule{{Path: "$.seal"}}), []guardCase{{`{"note":"` + stolen + `","seal":"` + stolen + `"}`, ""}})
}

// The fast search and the slow one find in random strings what unescaping
// finds.
func TestEnvelopesInRandomStrings(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	bits := []string{"sm1.", "s", "m", "1", ".", "A", "Bcd", stolen[4:], stolen, `\u0073`, `\u0041`, `\u002e`, `\n`, `\\`, "é", " ", `\u00e9`, stolen[:12], stolen[12:], strings.Repeat("x", 120)}
	envelope := regexp.MustCompile(`sm1\.A[0-9A-Za-z_-]{23}`)
	hits := 0
	for range 20_000 {
		var b strings.Builder
		for range 1 + r.IntN(9) {
			b.WriteString(bits[r.IntN(len(bits))])
		}
		s := b.String()
		plain, ok := codec.UnescapeJSON(nil, []byte(s))
		if !ok {
			t.Fatal(s)
		}
		want := envelope.Match(plain)
		if got := hidesEnvelope([]byte(s), isHead); got != want {
			t.Fatalf("%s: %t, want %t", s, got, want)
		}
		var w spotter
		for at := 0; at < len(s); {
			n := min(1+r.IntN(300), len(s)-at)
			w.next(isHead, []byte(s[at:at+n]))
			at += n
		}
		if w.Found() != want {
			t.Fatalf("%s in pieces: %t, want %t", s, w.Found(), want)
		}
		if want {
			hits++
		}
	}
	if hits < 1000 || hits > 19_000 {
		t.Errorf("%d of 20,000 strings hold one", hits)
	}
}

// A patch is known by its shape, in whatever order and however cut and spelt;
// data that only looks a little like one passes.
func TestPatchesAreRefused(t *testing.T) {
	long := strings.Repeat("v", 300)
	cases := []guardCase{
		{`[{"op":"replace","path":"/ssn","value":"1"}]`, codec.PatchFound},
		{`[ { "path" : "/ssn" , "value" : "1", "op" : "add" } ]`, codec.PatchFound},
		{`[{"value":"` + long + `","path":"/ssn","op":"ADD"}]`, codec.PatchFound},
		{`[{"value":{"op":1,"a":[{}]},"op":"test","path":""}]`, codec.PatchFound},
		{`[1,{"a":2},{"op":"copy","from":"/a","path":"/ssn"}]`, codec.PatchFound},
		{`[{"\u006fp":"repl\u0061ce","p\u0061th":"/ssn"}]`, codec.PatchFound},
		{`[{"op":"none","op":"remove","path":"/ssn"}]`, codec.PatchFound},
		{`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"ssn","value":"1"}]}`, codec.PatchFound},
		{`{"operations":[{"op":"add","value":{"ssn":"1"}}]}`, codec.PatchFound},
		{`{"atomic:operations":[{"op":"update","data":{"type":"people","attributes":{"ssn":"1"}}}]}`, codec.PatchFound},
		{`{"a":1,"Operations":[[],{"op":"remove"},{"path":"x","op":"remove"}]}`, codec.PatchFound},
		{`{"Operations":1,"Operations":[{"op":"add","value":1}]}`, codec.PatchFound},
		{`{"OPERATIONS":[{"OP":"replace","PATH":"ssn","Value":"1"}]}`, codec.PatchFound},
		{`[{"Op":"replace","Path":"/ssn","Value":"1"}]`, codec.PatchFound},

		{`[{"op":"read","path":"/a"},{"op":"open","path":"/b"}]`, ""},
		{`[{"op":"replaces","path":"/a"}]`, ""},
		{`[{"op":"` + long + `","path":"/a"}]`, ""},
		{`[{"op":"add","a":1},{"path":"/b"}]`, ""},
		{`[{"op":["add"],"path":"/a"},{"op":{"op":"add"},"path":1}]`, ""},
		{`[[{"op":"add","path":"/a"}]]`, ""},
		{`{"log":[{"op":"add","path":"/a"}]}`, ""},
		{`{"op":"add","path":"/a"}`, ""},
		{`{"operations":[{"op":"add","a":1,"b":2}]}`, ""},
		{`{"operations":{"op":"add","path":"/a"},"Operations":"add"}`, ""},
		{`{"operations":[],"list":[{"op":"add","value":1}]}`, ""},
		{`{"x":{"Operations":[{"op":"add","path":"/a"}]}}`, ""},
		{`{"data":1,"value":2,"path":"/","op":"add","href":"","ref":null}`, ""},
		{`[{"\ud800":1,"op":"add"},{"path":2}]`, ""},
	}
	for _, rule := range []string{"$.ssn", "$..ssn", "$[*].value", "$.Operations[*].value", "$[3]"} {
		t.Run(rule, func(t *testing.T) {
			cases := cases
			if strings.HasPrefix(rule, "$[") || strings.HasPrefix(rule, "$..") {
				cases = cases[:len(cases)-1] // a name there has to be compared
			}
			checkGuard(t, guarded(t, codec.Guard{Patch: true, Envelope: isHead}, codec.Rule{Path: rule}), cases)
		})
	}
	if got := codeFor(t, mustFold(t, []codec.Rule{{Path: "$.ssn"}}).Guarded(codec.Guard{Patch: true}), `{"OPERATIONS":[{"OP":"add","Value":1}]}`, nil); got != codec.PatchFound {
		t.Errorf("names in another case: %q", got)
	}
}

func TestRoots(t *testing.T) {
	for root, allowed := range map[codec.Root]string{codec.AnyRoot: `{[1"tn`, codec.ObjectRoot: "{", codec.ArrayRoot: "["} {
		sel := guarded(t, codec.Guard{Root: root}, codec.Rule{Path: "$.a"})
		for _, body := range []string{` {"a":1}`, `[1]`, ` 17`, `"text"`, `true`, `null`} {
			want := codec.WrongRoot
			if strings.ContainsRune(allowed, rune(strings.TrimSpace(body)[0])) {
				want = ""
			}
			checkGuard(t, sel, []guardCase{{body, want}})
		}
	}
}

// A Guard changes nothing else: what passes, and which fields there are, is as
// without it.
func TestGuardIsNoRule(t *testing.T) {
	sel := mustSelect(t, corpus.Rules)
	with := sel.Guarded(codec.Guard{Envelope: isHead, Patch: true})
	for _, body := range corpus.Bodies {
		for _, cuts := range cuttings(len(body)) {
			var a, b []seen
			want, err := rewrite(sel, recording(&a, sealing), codec.Limits{}, body, cuts)
			got, err2 := rewrite(with, recording(&b, sealing), codec.Limits{}, body, cuts)
			if got != want || fmt.Sprint(a, err) != fmt.Sprint(b, err2) {
				t.Fatalf("%.200q cut at %v: %v, %v; %v, %v", body, cuts, a, err, b, err2)
			}
		}
	}
}

// Where a rule opens, a string is unescaped if it may be an envelope, and given
// as it stands if not: half a surrogate pair in it is no error.
func TestOpenRulesUnescapeEnvelopes(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$.a", Open: true}})
	for value, want := range map[string]seen{
		`"\u0073m1.x"`:   {Kind: codec.Text, Value: "sm1.x"},
		`"sm\u0031.x"`:   {Kind: codec.Text, Value: "sm1.x"},
		`"\ud800"`:       {Kind: codec.Literal, Value: `"\ud800"`},
		`"s\ud800"`:      {Kind: codec.Literal, Value: `"s\ud800"`},
		`"x\n"`:          {Kind: codec.Literal, Value: `"x\n"`},
		`"plain"`:        {Kind: codec.Text, Value: "plain"},
		`["\u0073m1.x"]`: {Kind: codec.Literal, Value: `["\u0073m1.x"]`},
	} {
		var fields []seen
		body := `{"a":` + value + `}`
		for _, cuts := range [][]int{nil, everywhere(len(body), 1)} {
			fields = nil
			if got, err := rewrite(sel, recording(&fields, keep), codec.Limits{}, body, cuts); err != nil || got != body || len(fields) != 1 || fields[0] != want {
				t.Errorf("%s: %v, %s, %v", value, fields, got, err)
			}
		}
	}
}

// TestMethodIsRefused: a root member that a server may take for the method.
func TestMethodIsRefused(t *testing.T) {
	cases := []guardCase{
		{`{"_method":"PUT"}`, codec.MethodFound},
		{`{"a":1,"b":"c","_method":"PUT","d":2,"e":3}`, codec.MethodFound},
		{`{"a":{"_method":1},"_Method":null}`, codec.MethodFound},
		{`{"` + u("_method", 0, 3) + `":"PUT"}`, codec.MethodFound},
		{`{"ssn":"1","_METHOD":{}}`, codec.MethodFound},

		{`{"method":"PUT","_methods":1,"_metho":2,"a":"_method"}`, ""},
		{`{"a":{"_method":"PUT"},"b":[{"_method":"PUT"}]}`, ""},
		{`{"operations":[{"_method":"PUT"}]}`, ""},
		{`[{"_method":"PUT"}]`, ""},
		{`"_method"`, ""},
	}
	for _, rule := range []string{"$.ssn", "$..ssn", "$.*.ssn", "$[*].ssn"} {
		for _, patch := range []bool{true, false} {
			t.Run(fmt.Sprint(rule, patch), func(t *testing.T) {
				checkGuard(t, guarded(t, codec.Guard{Method: true, Patch: patch, Envelope: isHead}, codec.Rule{Path: rule}), cases)
			})
		}
	}
	folding := mustFold(t, []codec.Rule{{Path: "$.ssn"}}).Guarded(codec.Guard{Method: true})
	checkGuard(t, folding, cases)
	checkGuard(t, guarded(t, codec.Guard{Method: true}, codec.Rule{Path: "$.ssn"}), []guardCase{
		{`[{"op":"add","path":"/a"}]`, ""}, {`{"Operations":[{"op":"add","value":1}]}`, ""},
	})
	if got := codeFor(t, guarded(t, codec.Guard{}, codec.Rule{Path: "$.ssn"}), `{"_method":"PUT"}`, nil); got != "" {
		t.Errorf("where methods select no rules: %q", got)
	}
}
