//go:build !race

package grpc

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// TestNoAllocations: in steady state neither a body, a message nor a field
// allocates. The race detector makes sync.Pool drop at random, so this runs
// without it.
func TestNoAllocations(t *testing.T) {
	sealed := "sm1." + strings.Repeat("A", 99)
	seal := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
		return append(dst, sealed...), codec.Text, nil
	}
	b := bodyOf(t, &Format, seal, codec.Rule{Path: "$.friends[*].ssn"})
	body := []byte(strings.Repeat(frame(str(3, str(1, "123-45-6789"), str(5, "leave at the door")), str(5, "a note")), 20))
	for _, chunk := range []int{len(body), 999, 1} {
		var out codec.Output
		run := func() { runBody(t, b, &out, body, chunk) }
		run()
		if n := testing.AllocsPerRun(50, run); n != 0 {
			t.Errorf("by %d bytes: %v allocations", chunk, n)
		}
	}
}
