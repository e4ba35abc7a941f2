//go:build !race

package json

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
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
		name   string
		body   []byte
		chunk  int
		tr     codec.Transform
		format *codec.Format
	}{
		{"whole", users(2<<10, 5), 1 << 20, seal, &Format},
		{"whole, large", users(220<<10, 50), 1 << 20, seal, &Format},
		{"kept", users(2<<10, 5), 1 << 20, keep, &Format},
		{"chunks", users(20<<10, 50), 999, seal, &Format},
		{"single bytes", users(2<<10, 5), 1, seal, &Format},
		{"ignoring case", users(2<<10, 5), 1 << 20, seal, &Format},
		{"ignoring case, long names", []byte(`{"Users":{"` + strings.Repeat("x", 90) + `":{"` + strings.Repeat("y", 70) + `":1}}}`), 1 << 20, keep, &Format},
		{"lines", bytes.Repeat(append(users(500, 2), '\n'), 9), 999, seal, &Lines},
		{"texts", bytes.Repeat(append(append([]byte{recordSeparator}, users(500, 2)...), '\n'), 9), 999, seal, &Sequence},
		{"escapes that outgrow the room", users(2<<10, 5), 1 << 20, controls, &Format},
		{"long replacements", users(2<<10, 5), 1 << 20, long, &Format},
	} {
		sel := sel
		if strings.HasPrefix(tc.name, "ignoring case") {
			sel = mustFold(t, []codec.Rule{{Path: "$.Users[*].PII.ssn"}, {Path: "$..Note", Unescape: true}, {Path: "$..customerSocialSecurityNumber"}})
		}
		codectest.NoAllocs(t, tc.name, tc.format, bodyOf(sel, tc.tr), tc.body, tc.chunk)
	}
}
