package policy

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// Names are compared without regard to case in the direction that says so, and
// only there.
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
		count := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) { n++; return dst, 0, codec.ErrKeep }
		var out codec.Output
		defer out.Reset()
		w := jsonWriter(t, plan, count)
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

// A path in another case does not get around the rules for it, unless the file
// says that it is another path. A skip takes only what it names.
func TestIgnoreCaseOfPaths(t *testing.T) {
	p, err := load(t, `version: 1
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - {name: free, match: {path: /free}, skip: true}
  - {name: exact, match: {path: /exact, ignore_case: false}, request: {seal: {$.a: pii}}}
  - {name: folded, match: {path: "/customers/{id}/Notes"}, request: {seal: {$.a: pii}}}
  - {name: public, match: {path: /public, ignore_case: true}, skip: true}
`)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/free": "free", "/Free": "",
		"/exact": "exact", "/EXACT": "",
		"/customers/1/Notes": "folded", "/Customers/1/notes/": "folded", "/CUSTOMERS/1/NOTES": "folded", "/cu%C5%BFtomers/1/notes": "folded",
		"/public": "public", "/Public": "public",
	} {
		r, err := p.Match("POST", "x", path)
		got := ""
		if r != nil {
			got = r.Name
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", path, got, err, want)
		}
	}
}

// That a protected route takes more spellings does not hide that a skip before
// it takes the one that matters.
func TestSkipBeforeFoldedRoute(t *testing.T) {
	_, err := load(t, `version: 1
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - {name: free, match: {path: /customers/**}, skip: true}
  - {name: rules, match: {path: /customers/**}, request: {seal: {$.a: pii}}}
`)
	if err == nil || !strings.Contains(err.Error(), "never reached") {
		t.Error(err)
	}
}
