package form

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// Short names of what nearly every test uses.
var (
	keep       = codectest.Keep
	sealing    = codectest.Seal
	opening    = codectest.Open
	recording  = codectest.Record
	cuttings   = codectest.Cuttings
	everywhere = codectest.Everywhere
)

const canary = codectest.Canary

type seen = codectest.Seen

func rules(paths ...string) (set []codec.Rule) {
	for _, p := range paths {
		set = append(set, codec.Rule{Path: p})
	}
	return set
}

func rewrite(sel *codec.Selector, tr codec.Transform, l codec.Limits, body string, cuts []int) (string, error) {
	return codectest.Rewrite(&Format, sel, tr, l, body, cuts)
}

// codeOf returns the code of a refusal, "" for none.
func codeOf(err error) codec.Code {
	if e, ok := errors.AsType[*codec.Error](err); ok {
		return e.Code
	}
	if err != nil {
		return codec.Code(err.Error())
	}
	return ""
}

func describe(fields []seen) string {
	var s []string
	for _, f := range fields {
		s = append(s, fmt.Sprintf("%d %s %s", f.Rule, [...]string{"text", "literal", "bytes", "raw"}[f.Kind], f.Value))
	}
	return strings.Join(s, "|")
}

// fieldsOf returns what a Transform is given of a body, which must pass as it
// is, wherever it is cut.
func fieldsOf(t *testing.T, sel *codec.Selector, body string) string {
	t.Helper()
	want := ""
	for i, cuts := range cuttings(len(body)) {
		var fields []seen
		got, err := rewrite(sel, recording(&fields, keep), codec.Limits{}, body, cuts)
		if err != nil || got != body {
			t.Errorf("%q cut at %v: %q, %v", body, cuts, got, err)
			break
		}
		if i == 0 {
			want = describe(fields)
		} else if d := describe(fields); d != want {
			t.Errorf("%q cut at %v: %s, whole %s", body, cuts, d, want)
			break
		}
	}
	return want
}

// refusalOf returns the code that a body is refused with, wherever it is cut.
func refusalOf(t *testing.T, sel *codec.Selector, body string) codec.Code {
	t.Helper()
	_, whole := rewrite(sel, keep, codec.Limits{}, body, nil)
	for _, cuts := range cuttings(len(body)) {
		if _, err := rewrite(sel, keep, codec.Limits{}, body, cuts); fmt.Sprint(err) != fmt.Sprint(whole) {
			t.Errorf("%q cut at %v: %v, whole %v", body, cuts, err, whole)
			break
		}
	}
	return codeOf(whole)
}
