//go:build !race

package formats

import "testing"

func TestContentTypeDoesNotAllocate(t *testing.T) {
	for _, v := range []string{"application/json", "application/json; charset=utf-8", "application/problem+json", "text/html"} {
		if n := testing.AllocsPerRun(100, func() { Table().Detect(v) }); n != 0 {
			t.Errorf("%q: %v allocations", v, n)
		}
	}
}
