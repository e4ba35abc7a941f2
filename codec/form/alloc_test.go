//go:build !race

package form

import (
	"bytes"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

var escapedText = bytes.Repeat([]byte("é & "), 300)

// escapes gives text that takes twice as much room once it is encoded.
func escapes(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(dst, escapedText...), codec.Text, nil
}

// TestNoAllocations: in steady state neither a body nor a field allocates. The
// race detector makes sync.Pool drop at random, so these run without it.
func TestNoAllocations(t *testing.T) {
	set := []codec.Rule{{Path: "$.user.ssn"}, {Path: "$..note", Unescape: true}, {Path: "$.list[0]"}}
	guard := codec.Guard{Method: true, Envelope: func([]byte) bool { return false }}
	body := bytes.Repeat([]byte("user[ssn]=1&user%5Bssn%5D=a%20b&user.ssn=a%26b&list[]=4&Note=5&name=J%C3%B6rg+M%C3%BCller&_x=1&"), 20)
	for _, tc := range []struct {
		name  string
		sel   *codec.Selector
		chunk int
		tr    codec.Transform
	}{
		{"whole", codectest.Select(t, set...), 1 << 20, seal},
		{"kept", codectest.Select(t, set...), 1 << 20, keep},
		{"chunks", codectest.Select(t, set...), 99, seal},
		{"single bytes", codectest.Select(t, set...), 1, seal},
		{"ignoring case", codectest.Fold(t, set...), 1 << 20, seal},
		{"escapes that outgrow the room", codectest.Select(t, set...), 1 << 20, escapes},
	} {
		b, err := codectest.NewBody(&Format, tc.sel.Guarded(guard), tc.tr, codec.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		codectest.NoAllocs(t, tc.name, &Format, b, body, tc.chunk)
	}
}
