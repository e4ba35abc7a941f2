package xml

import (
	"bufio"
	"compress/gzip"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// A w3cTest is a document of the W3C suite.
type w3cTest struct {
	kind, id, version, editions, namespace string
	body                                   string
}

func w3cTests(t testing.TB) (all []w3cTest) {
	file, err := os.Open("testdata/w3c/tests.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		c := strings.Split(lines.Text(), "\t")
		body, err := strconv.Unquote(`"` + strings.ReplaceAll(c[5], `"`, `\"`) + `"`)
		if err != nil {
			t.Fatalf("%s: %v", c[1], err)
		}
		all = append(all, w3cTest{c[0], c[1], c[2], c[3], c[4], body})
	}
	return all
}

// TestW3CSuite: a document that is not well-formed is refused, and every other
// is refused or comes out as it went in. A document that the fifth edition of
// XML has made well-formed may pass.
func TestW3CSuite(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$..nothing"}})
	count := map[string]int{}
	for _, tc := range w3cTests(t) {
		for _, by := range []int{len(tc.body) + 1, 1, 7} {
			got, err := rewrite(sel, keep, codec.Limits{}, tc.body, everywhere(len(tc.body), by))
			if _, ok := errors.AsType[*codec.Error](err); err != nil && !ok || err == nil && got != tc.body {
				t.Fatalf("%s by %d: %.200q, %v", tc.id, by, got, err)
			}
			if err == nil && tc.kind == "not-wf" && tc.editions != "1234" {
				t.Errorf("%s by %d: accepted %.300q", tc.id, by, tc.body)
			}
			if by == 1 && err == nil {
				count[tc.kind+" accepted"]++
			}
			if by == 1 && err != nil {
				count[tc.kind+" refused"]++
				// Only a DOCTYPE, an encoding or a version can be a reason to refuse
				// a document that is valid.
				if e, _ := errors.AsType[*codec.Error](err); tc.kind == "valid" && tc.namespace != "no" &&
					!strings.Contains(tc.body, "<!DOCTYPE") && !strings.Contains(e.Detail, "XML declaration") && !strings.Contains(e.Detail, "UTF-16") {
					t.Errorf("%s: refused, %v: %.300q", tc.id, err, tc.body)
				}
			}
		}
	}
	t.Log(count)
	if n := count["not-wf refused"]; n < 1400 {
		t.Errorf("only %d documents that are not well-formed", n)
	}
}

// doctype is a document type declaration, with its internal subset.
var doctype = regexp.MustCompile(`(?s)<!DOCTYPE[^\[>]*(\[.*?\]\s*)?>`)

// TestW3CSuiteWithoutDoctype: a valid document whose declaration is taken off
// is refused only for an entity, a version or an encoding, or passes.
func TestW3CSuiteWithoutDoctype(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$..nothing"}})
	passed := 0
	for _, tc := range w3cTests(t) {
		body := doctype.ReplaceAllString(tc.body, "")
		if tc.kind != "valid" || tc.namespace == "no" || strings.Contains(body, "<!E") || strings.HasPrefix(body, `"`) {
			continue // doctype was too simple for it
		}
		got, err := rewrite(sel, keep, codec.Limits{}, body, nil)
		if err == nil && got == body {
			passed++
			continue
		}
		e, ok := errors.AsType[*codec.Error](err)
		if !ok || !strings.Contains(e.Detail, "reference") && !strings.Contains(e.Detail, "XML declaration") && !strings.Contains(e.Detail, "UTF-16") {
			t.Errorf("%s: %.300q, %v", tc.id, body, err)
		}
	}
	if t.Log(passed); passed < 400 {
		t.Errorf("only %d documents", passed)
	}
}
