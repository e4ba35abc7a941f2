package multipart

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
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

func TestGuard(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$.open", Open: true}, codec.Rule{Path: "$.seal"}, codec.Rule{Path: "$.kept", Envelopes: true}, codec.Rule{Path: "$.order.open", Open: true}).
		Guarded(codec.Guard{Envelope: isHead, Method: true, Root: codec.ObjectRoot})
	long := strings.Repeat("a text with v1.2 in it. ", 20)
	for _, tc := range []struct {
		part string
		code codec.Code
	}{
		{field("open", stolen), ""}, {field("kept", stolen), ""}, {file("open", "a/b", stolen), ""}, {file("kept", "a/b", "x"+stolen), ""},
		{field("order", `{"open":"`+stolen+`"}`), ""}, {field("note", stolen[:codec.HeadLen-1]), ""}, {field("note", "sm1.\r\n"+stolen[4:]), ""},
		{field("note", stolen), codec.EnvelopeFound}, {field("seal", stolen), codec.EnvelopeFound}, {field("note", long+stolen+long), codec.EnvelopeFound},
		{field("note", "sm1."+stolen), codec.EnvelopeFound}, {field("note", "\r\n--X"+stolen), codec.EnvelopeFound},
		{file("note", "a/b", stolen), codec.EnvelopeFound}, {file("data", "a/b", "\xff"+stolen), codec.EnvelopeFound}, {file("kept", "a/b", "\xff"+stolen), codec.EnvelopeFound},
		{file("open", "a/b", "\xff"+stolen), ""},
		{field(stolen, ""), codec.EnvelopeFound}, {onePart(`name="a"; filename="`+stolen+`"`, "", ""), codec.EnvelopeFound},
		{typed("a", "a/"+stolen, ""), codec.EnvelopeFound},
		{field("order", `{"x":"`+stolen+`"}`), codec.EnvelopeFound}, {field("order", `["sm1\u002e`+stolen[4:]+`"]`), codec.EnvelopeFound},
		{field("_method", "PUT"), codec.MethodFound}, {field("_Method", "PUT"), codec.MethodFound}, {field("!_method", "PUT"), codec.MethodFound},
		{field("seal(1i)", "1990"), codec.Malformed}, {field("seal(i)", "1990"), ""}, {field("x(1i)", "1990"), ""},
		{field("_method[]", "PUT"), codec.MethodFound}, {field("a_method", "PUT"), ""}, {field("order", `["the root of a part may be an array"]`), ""},
	} {
		r := rewriting{sel: sel, tr: codectest.Keep, settings: documents}
		body := formOf(field("x", "1"), tc.part, field("open", "2"))
		want := refusedWith(t, r, body)
		if codeOf(want) != tc.code {
			t.Errorf("%q: %v, want %q", tc.part, want, tc.code)
			continue
		}
		for _, cuts := range codectest.Cuttings(len(body)) {
			_, err := r.run(body, cuts)
			if e, _ := errors.AsType[*codec.Error](err); codeOf(e) != tc.code {
				t.Fatalf("%q cut at %v: %v", tc.part, cuts, err)
			}
		}
	}
	array := codectest.Select(t).Guarded(codec.Guard{Root: codec.ArrayRoot})
	if e := refusedWith(t, rewriting{sel: array}, formOf(field("a", ""))); codeOf(e) != codec.WrongRoot {
		t.Error(e)
	}
}
