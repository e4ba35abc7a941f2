package codec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func mustFold(t testing.TB, rules []Rule) *Selector {
	t.Helper()
	s, err := NewFoldingSelector(rules)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every spelling of a name that an application takes for it is tagged: whole or cut,
// escaped or not, where the scanner hurries and where it does not.
func TestFoldingSelector(t *testing.T) {
	sel := mustFold(t, []Rule{{Path: "$.SSN"}, {Path: "$..Kind"}, {Path: "$.a['ÉTÉ'].b"}})
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
			if _, err := rewrite(formats[0], sel, recording(&fields, sealing), Limits{}, c.body, cuts); err != nil || len(fields) != c.fields {
				t.Errorf("%s, %d cuts: %d fields, want %d, %v", c.body, len(cuts), len(fields), c.fields, err)
			}
		}
	}
	if _, err := NewFoldingSelector([]Rule{{Path: "$.a"}, {Path: "$.A"}}); err == nil {
		t.Error("two rules for one value")
	}
}

// What encoding/json takes for a field, folding does too.
func TestFoldAgreesWithEncodingJSON(t *testing.T) {
	sel := mustFold(t, []Rule{{Path: "$.Task"}})
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
			if _, err := rewrite(formats[0], sel, recording(&fields, sealing), Limits{}, body, nil); err != nil {
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

// Folding twice is folding once, never grows, and agrees with strings.EqualFold.
func FuzzFold(f *testing.F) {
	f.Add("SSN", "\u017f\u017fn")
	f.Add("\u212aind", "KIND")
	f.Add("\xff\u00c9", "\xff\u00e9")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := appendFold(nil, []byte(a)), appendFold(nil, []byte(b))
		if len(x) > len(a) || 3*len(x) < len(a) || !slices.Equal(appendFold(nil, x), x) {
			t.Errorf("%q folds to %q", a, x)
		}
		if strings.ToValidUTF8(a, "") == a && strings.ToValidUTF8(b, "") == b && (string(x) == string(y)) != strings.EqualFold(a, b) {
			t.Errorf("%q and %q fold to %q and %q", a, b, x, y)
		}
	})
}

// No character grows when it is folded: a name's own length is room enough.
func TestFoldingNeverGrows(t *testing.T) {
	for r := range rune(unicode.MaxRune) {
		if utf8.RuneLen(foldRune(r)) > utf8.RuneLen(r) && utf8.ValidRune(r) {
			t.Errorf("%U becomes %U", r, foldRune(r))
		}
	}
}
