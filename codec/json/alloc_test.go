//go:build !race

package json

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

var (
	controlText = bytes.Repeat([]byte("\x01\x02\x03"), 300)
	longText    = bytes.Repeat([]byte("sm1."), 900)
)

// controls gives text that takes six times as much room once it is escaped.
func controls(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(dst, controlText...), codec.Text, nil
}

// long gives text as envelopes with a record in them are, and asks for all of
// its room at once.
func long(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(slices.Grow(dst, 2*len(longText)), longText...), codec.Text, nil
}

// TestNoAllocations: in steady state neither a body nor a field allocates. The
// race detector makes sync.Pool drop at random, so these run without it.
func TestNoAllocations(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$.users[*].pii.ssn"}, {Path: "$..note", Unescape: true}})
	for _, tc := range []struct {
		name  string
		body  []byte
		chunk int
		tr    codec.Transform
	}{
		{"whole", users(2<<10, 5), 1 << 20, seal},
		{"whole, large", users(220<<10, 50), 1 << 20, seal},
		{"kept", users(2<<10, 5), 1 << 20, keep},
		{"chunks", users(20<<10, 50), 999, seal},
		{"single bytes", users(2<<10, 5), 1, seal},
		{"ignoring case", users(2<<10, 5), 1 << 20, seal},
		{"ignoring case, long names", []byte(`{"Users":{"` + strings.Repeat("x", 90) + `":{"` + strings.Repeat("y", 70) + `":1}}}`), 1 << 20, keep},
		{"escapes that outgrow the room", users(2<<10, 5), 1 << 20, controls},
		{"long replacements", users(2<<10, 5), 1 << 20, long},
	} {
		sel := sel
		if strings.HasPrefix(tc.name, "ignoring case") {
			sel = mustFold(t, []codec.Rule{{Path: "$.Users[*].PII.ssn"}, {Path: "$..Note", Unescape: true}, {Path: "$..customerSocialSecurityNumber"}})
		}
		var out codec.Output
		b := bodyOf(sel, tc.tr)
		run := func() {
			w, err := Format.New(b)
			if err != nil {
				t.Fatal(err)
			}
			for p := tc.body; len(p) > 0; {
				n := min(tc.chunk, len(p))
				if err := w.Write(&out, p[:n]); err != nil {
					t.Fatal(err)
				}
				p = p[n:]
			}
			if err := w.Close(&out); err != nil {
				t.Fatal(err)
			}
			w.Free()
			out.Reset()
		}
		run()
		if n := testing.AllocsPerRun(50, run); n != 0 {
			t.Errorf("%s: %v allocations", tc.name, n)
		}
	}
}
