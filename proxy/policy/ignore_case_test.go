package policy

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// Names are compared without regard to case in the direction that says so, and only there.
func TestIgnoreCaseOfNames(t *testing.T) {
	p, err := load(t, `version: 1
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - name: r
    match: {path: /r}
    request:  {seal: {$.ssn: pii}, ignore_case: true}
    response: {open: {$.ssn: pii}}
`)
	if err != nil {
		t.Fatal(err)
	}
	tagged := func(plan *Plan) (n int) {
		count := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) { n++; return dst, codec.Keep, nil }
		var out codec.Output
		defer out.Reset()
		w := codec.ForContentType("application/json").New(plan.Selector, count, plan.Limits)
		defer w.Free()
		if err := w.Write(&out, []byte(`{"ssn":"a","SSN":"b"}`)); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if r := p.Routes[0]; tagged(r.Request) != 2 || tagged(r.Response) != 1 {
		t.Errorf("request %d, response %d", tagged(r.Request), tagged(r.Response))
	}
}

// Two rules that only case tells apart are one, where case does not count.
func TestIgnoreCaseOfNamesTwice(t *testing.T) {
	_, err := load(t, `version: 1
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - {name: r, match: {path: /r}, request: {seal: {$.ssn: pii, $.SSN: pii}, ignore_case: true}}
`)
	if err == nil || !strings.Contains(err.Error(), "the same as") {
		t.Error(err)
	}
}
