//go:build !race

package csv

import (
	"bytes"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// TestNoAllocations: in steady state neither a body nor a field allocates. The
// race detector makes sync.Pool drop at random, so these run without it.
func TestNoAllocations(t *testing.T) {
	needsQuotes := bytes.Repeat([]byte("a,\""), 300)
	escaping := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
		return append(dst, needsQuotes...), codec.Text, nil
	}
	for _, tc := range []struct {
		name  string
		body  []byte
		chunk int
		tr    codec.Transform
		path  string
	}{
		{"whole", table(2 << 10), 1 << 20, seal, "$[*].ssn"},
		{"whole, large", table(220 << 10), 1 << 20, seal, "$[*].ssn"},
		{"kept", table(2 << 10), 1 << 20, codectest.Keep, "$[*].ssn"},
		{"every field", table(2 << 10), 1 << 20, seal, "$[*]"},
		{"by index", table(2 << 10), 1 << 20, seal, "$[3][2]"},
		{"chunks", table(20 << 10), 999, seal, "$[*].note"},
		{"single bytes", table(2 << 10), 1, seal, "$[*].note"},
		{"texts that need quotes", table(2 << 10), 1 << 20, escaping, "$[*].ssn"},
	} {
		sel := codectest.Select(t, codec.Rule{Path: tc.path}).Guarded(codec.Guard{Envelope: isHead})
		b, err := codectest.NewBody(&Format, sel, tc.tr, codec.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		codectest.NoAllocs(t, tc.name, &Format, b, tc.body, tc.chunk)
	}
}
