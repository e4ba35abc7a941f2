package json

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// Every spelling of a name that an application takes for it is tagged: whole or
// cut, escaped or not, where the scanner hurries and where it does not.
func TestFoldingSelector(t *testing.T) {
	sel := mustFold(t, []codec.Rule{{Path: "$.SSN"}, {Path: "$..Kind"}, {Path: "$.a['ÉTÉ'].b"}})
	for _, c := range []struct {
		body   string
		fields int
	}{
		{`{"ssn":1,"SSN":2,"sSn":3,"\u0053sn":4,"ſſn":5,"\u017F\u017fN":6,"ssnx":7,"ss":8}`, 6},
		{`{"x":{"kind":1,"KIND":2,"\u212aind":3,"\u212a\u0069nd":4,"y":[{"Kind":5}]}}`, 5},
		{`{"A":{"été":{"B":1},"Été":{"b":2}},"a":{"ete":{"b":3}}}`, 2},
	} {
		for _, cuts := range [][]int{nil, everywhere(len(c.body), 1), everywhere(len(c.body), 5)} {
			var fields []seen
			if _, err := rewrite(sel, recording(&fields, sealing), codec.Limits{}, c.body, cuts); err != nil || len(fields) != c.fields {
				t.Errorf("%s, %d cuts: %d fields, want %d, %v", c.body, len(cuts), len(fields), c.fields, err)
			}
		}
	}
	if _, err := codec.NewFoldingSelector([]codec.Rule{{Path: "$.a"}, {Path: "$.A"}}); err == nil {
		t.Error("two rules for one value")
	}
}

// What encoding/json takes for a field, folding does too.
func TestFoldAgreesWithEncodingJSON(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: tries every character")
	}
	sel := mustFold(t, []codec.Rule{{Path: "$.Task"}})
	taken := 0
	for r := rune(1); r < 0x11000; r++ {
		if r >= 0xD800 && r < 0xE000 || r < ' ' || r == '"' || r == '\\' {
			continue
		}
		for i, letter := range []string{"t", "a", "s", "k"} {
			body := fmt.Sprintf(`{"%s":"x"}`, "task"[:i]+string(r)+"task"[i+len(letter):])
			var got struct{ Task string }
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(body, err)
			}
			var fields []seen
			if _, err := rewrite(sel, recording(&fields, sealing), codec.Limits{}, body, nil); err != nil {
				t.Fatal(body, err)
			}
			if got.Task != "" {
				taken++
			}
			if (got.Task != "") != (len(fields) == 1) {
				t.Errorf("%s: encoding/json %q, folding %d fields", body, got.Task, len(fields))
			}
		}
	}
	if taken != 10 { // two cases of each letter, the long s and the Kelvin sign
		t.Errorf("%d spellings", taken)
	}
}
