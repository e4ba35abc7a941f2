//go:build !race

package protobuf

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// TestNoAllocations: in steady state neither a body nor a field allocates. The
// race detector makes sync.Pool drop at random, so these run without it.
func TestNoAllocations(t *testing.T) {
	for _, tc := range []struct {
		name  string
		path  string
		body  string
		chunk int
		tr    codec.Transform
	}{
		{"whole", "$.friends[*].ssn", string(records(2<<10, 3)), 1 << 20, seal},
		{"whole, large", "$.friends[*].ssn", string(records(220<<10, 50)), 1 << 20, seal},
		{"kept", "$.friends[*].ssn", string(records(2<<10, 3)), 1 << 20, codectest.Keep},
		{"chunks", "$.friends[*].ssn", string(records(20<<10, 3)), 999, seal},
		{"single bytes", "$.friends[*].ssn", string(records(2<<10, 3)), 1, seal},
		{"by index", "$.friends[3].tags[1]", string(records(2<<10, 3)), 1 << 20, seal},
		{"map", "$.by_id['-7'].ssn", strings.Repeat(str(5, num(1, 1<<64-7)+str(2, str(1, "x"))), 9), 1 << 20, seal},
		{"Any", "$.detail.ssn", str(6, str(1, "x/test.User")+str(2, str(1, "x"))), 1 << 20, seal},
	} {
		b := rules(t, tc.path).body(tc.tr, codec.Limits{})
		var out codec.Output
		body := []byte(tc.body)
		run := func() { runBody(t, b, &out, body, tc.chunk) }
		run()
		if n := testing.AllocsPerRun(50, run); n != 0 {
			t.Errorf("%s: %v allocations", tc.name, n)
		}
	}
}
