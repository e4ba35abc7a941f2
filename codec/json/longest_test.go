package json

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// A rule with a bound of its own keeps to that one, whole and cut; the others
// keep to Limits.ValueBytes.
func TestLongest(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$.a", Longest: 30}, {Path: "$.b"}})
	for _, c := range []struct {
		name  string
		bytes int
		ok    bool
	}{{"a", 30, true}, {"a", 31, false}, {"b", 10, true}, {"b", 11, false}} {
		body := `{"` + c.name + `":"` + strings.Repeat("x", c.bytes-2) + `"}`
		for _, cuts := range [][]int{nil, everywhere(len(body), 1), everywhere(len(body), 7)} {
			_, err := rewrite(sel, sealing, codec.Limits{ValueBytes: 10}, body, cuts)
			e, _ := errors.AsType[*codec.Error](err)
			if (err == nil) != c.ok || !c.ok && e.Code != codec.ValueLimit {
				t.Errorf("%s of %d bytes, %d cuts: %v", c.name, c.bytes, len(cuts), err)
			}
		}
	}
}
