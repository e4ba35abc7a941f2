package json

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// What the fast path reads in one go it must refuse as the slow one does: every
// fault is in a container, with enough bytes behind it.
func TestSkipRefuses(t *testing.T) {
	for _, v := range []string{
		"\"\xc3(\"", "\"\xc3\"", "\"\xc1\x81\"", "\"J\xc3\x28rg\"", `"\x"`, `"a\"`, "\"\x1f\"",
		"falsy", "fals,", "trye", "nul", "nulk", "1.", "1.,", "12.e1", "01", "-", "-01", "1e", "1.5.", "1.5e+",
	} {
		for _, sel := range []*codec.Selector{nil, mustSelect(t, []codec.Rule{{Path: "$.list[*].card"}}), mustSelect(t, []codec.Rule{{Path: "$..card"}})} {
			w, out := newJSON(sel, seal, codec.Limits{}), new(codec.Output)
			err := w.Write(out, []byte(`{"list":[{"id":1,"v":`+v+`,"note":"leave at the door"}],"page":1}`))
			if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.Malformed {
				t.Errorf("%q: %v", v, err)
			}
			w.Free()
		}
	}
}

// Members are read in a loop of their own: what is wrong with one is seen
// whatever is around it, and a good member leaves as it came.
func TestSkipMembers(t *testing.T) {
	const before, after = `{"id":1,`, `"note":"leave at the door"`
	selectors := []*codec.Selector{
		nil, mustSelect(t, []codec.Rule{{Path: "$.list[*].card"}}), mustSelect(t, []codec.Rule{{Path: "$..card"}}),
		mustSelect(t, []codec.Rule{{Path: "$.list[*]['']"}}), mustFold(t, []codec.Rule{{Path: "$.list[*].card"}}),
	}
	for member, good := range map[string]bool{
		`"a":1,`: true, `"a": 1, `: true, `"a" :1 ,`: true, "\"a\":\n1\r\n,\t": true, `"":"",`: true, `"\u0061":"\u0061",`: true,
		`"é":"é",`: true, `"日本":"日本",`: true, `"a":-0.5e+3,`: true, `"a":[1,"b",null],"b":{},`: true, `"a":[],`: true,
		`"a","b":1,`: false, `"a"::1,`: false, `"a":,`: false, `"a":1 "b":2,`: false, `"a":1,,`: false, `,"a":1,`: false, `a:1,`: false,
		`"a";1,`: false, `"a":1]`: false, `"a":1:`: false, `"a" 1,`: false, "\"a\x1f\":1,": false, "\"\xc3\":1,": false, "\"\xc3(\":1,": false,
		"\"\xff\":1,": false, `"\x":1,`: false, `"\u12g4":1,`: false, "\"a\":\x0b1,": false, "\"a\":1,\u00a0": false, `"a":"b"c,`: false, `"a":tru,`: false,
		`"a":[1,],`: false, `"a":{"b":1,},`: false, `"a":[1}`: false,
	} {
		body := `{"list":[` + before + member + after + `},{` + member + after + `}],"page":1}`
		for i, sel := range selectors {
			w, out := newJSON(sel, seal, codec.Limits{}), new(codec.Output)
			err := w.Write(out, []byte(body))
			if err == nil {
				err = w.Close(out)
			}
			got := string(bytes.Join(out.Segments(), nil))
			if e, ok := errors.AsType[*codec.Error](err); good && err != nil || !good && (!ok || e.Code != codec.Malformed) {
				t.Errorf("%s, selector %d: %v", body, i, err)
			} else if good && got != body && !(i == 3 && strings.Contains(member, `""`)) {
				t.Errorf("%s, selector %d: %s", body, i, got)
			}
			w.Free()
		}
	}
}

// A name is told from a rule's by its length only up to 63 bytes.
func TestSkipLongNames(t *testing.T) {
	for _, n := range []int{1, 61, 62, 63, 64, 65, 200} {
		name := strings.Repeat("n", n)
		w, out := newJSON(mustSelect(t, []codec.Rule{{Path: "$.list[*]." + name}}), seal, codec.Limits{}), new(codec.Output)
		if err := w.Write(out, []byte(`{"list":[{"nn":1,"`+name+`":"4539","note":"leave at the door"}]}`)); err != nil {
			t.Fatal(err)
		}
		if got := bytes.Join(out.Segments(), nil); bytes.Contains(got, []byte("4539")) {
			t.Errorf("%d bytes: %s", n, got)
		}
		w.Free()
	}
}

// A rule's name with letters beyond ASCII is found however it is spelled, and
// no other is.
func TestSkipLetters(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$.list[*].карта"}})
	for name, want := range map[string]bool{
		"карта": true, `карт\u0430`: true, `\u043aарта`: true, `\u043a\u0430\u0440\u0442\u0430`: true,
		"картэ": false, "карта1": false, "карт": false, `карт\u0431`: false, strings.Repeat("карта", 20): false,
	} {
		w, out := newJSON(sel, seal, codec.Limits{}), new(codec.Output)
		if err := w.Write(out, []byte(`{"list":[{"ид":1,"`+name+`":"4539","заметка":"у двери"},{"card":2}]}`)); err != nil {
			t.Fatal(err)
		}
		if got := bytes.Join(out.Segments(), nil); bytes.Contains(got, []byte("4539")) == want {
			t.Errorf("%s: %s", name, got)
		}
		w.Free()
	}
}
