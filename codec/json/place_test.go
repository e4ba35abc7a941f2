package json

import (
	"errors"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// A document inside another is read from the place where it is.
func TestDocumentAtAPlace(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$.order.ssn"}, codec.Rule{Path: "$..email"}, codec.Rule{Path: "$.whole"})
	checked, err := Format.Check(sel, codec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		part, body, want string
	}{
		{"order", `{"ssn":"1","order":{"ssn":"2"},"email":"3"}`, "0 text 1|1 text 3"},
		{"other", `{"ssn":"1","email":"3"}`, "1 text 3"},
		{"whole", `{"ssn":"1","email":"3"}`, `2 literal {"ssn":"1","email":"3"}`},
		{"whole", `"x"`, "2 text x"},
	} {
		for _, step := range []int{100, 1} {
			var place codec.Cursor
			place.Start(sel)
			place.Member([]byte(c.part))
			var fields []seen
			var out codec.Output
			w, err := Format.New(codec.Body{At: place, Checked: checked, Transform: recording(&fields, keep)})
			if err != nil {
				t.Fatal(err)
			}
			for at := 0; at < len(c.body); at += step {
				err = errors.Join(err, w.Write(&out, []byte(c.body[at:min(at+step, len(c.body))])))
			}
			if err = errors.Join(err, w.Close(&out)); err != nil || describe(fields) != c.want {
				t.Errorf("%s in %s by %d: %s, %v", c.body, c.part, step, describe(fields), err)
			}
			w.Free()
			out.Reset()
		}
	}
}

// A body of rules that Check has not seen is not read, and options are refused.
func TestCheckIsNeeded(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$.ssn"})
	if _, err := Format.New(codec.Body{At: sel.Root()}); !errors.Is(err, errUnchecked) {
		t.Errorf("New without Check: %v", err)
	}
	for _, o := range []codec.Options{{Schema: []byte{}}, {Settings: map[string]string{"delimiter": ";"}}} {
		if _, err := Format.Check(sel, o); err == nil {
			t.Errorf("options %v are taken", o)
		}
	}
}

// Every document at a place is read from that place, and Guard.Root is about
// the root only.
func TestDocumentsAtAPlace(t *testing.T) {
	sel := guarded(t, codec.Guard{Root: codec.ArrayRoot}, codec.Rule{Path: "$.order[1].ssn"}, codec.Rule{Path: "$..email"})
	checked, err := Lines.Check(sel, codec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const body = "[0,{\"ssn\":\"1\"}]\n{\"email\":\"2\"}\n[{\"ssn\":\"no\"},{\"ssn\":\"3\",\"email\":[]}]\n4"
	for _, inner := range []bool{true, false} {
		var place codec.Cursor
		place.Start(sel)
		place.Member([]byte("order"))
		var fields []seen
		b := codec.Body{At: place, Inner: inner, Checked: checked, Transform: recording(&fields, keep)}
		_, err = codectest.RewriteBody(&Lines, b, body, everywhere(len(body), 3))
		if e, refused := errors.AsType[*codec.Error](err); inner && (err != nil || describe(fields) != "0 text 1|1 text 2|0 text 3|1 literal []") ||
			!inner && (!refused || e.Code != codec.WrongRoot) {
			t.Errorf("inner %t: %s, %v", inner, describe(fields), err)
		}
	}
}
