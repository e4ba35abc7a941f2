//go:build !race

package multipart

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// TestNoAllocations: in steady state neither a body nor a part allocates. The
// race detector makes sync.Pool drop at random, so these run without it.
func TestNoAllocations(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$.ssn"}, codec.Rule{Path: "$.user.email"}, codec.Rule{Path: "$.order.card"}, codec.Rule{Path: "$.scan"}).
		Guarded(codec.Guard{Envelope: isHead, Method: true})
	small := formOf(field("ssn", "1"), field("user[email]", "2"), field("note", "text"), field("order", `{"card":"4"}`), file("file", "image/png", "\xff"))
	for _, tc := range []struct {
		name  string
		body  string
		chunk int
		tr    codec.Transform
	}{
		{"whole", small, 1 << 20, seal},
		{"kept", small, 1 << 20, codectest.Keep},
		{"single bytes", small, 1, seal},
		{"chunks", formOf(file("file", "a/b", strings.Repeat("long\r\n--", 9999)), field("ssn", "1"), file("scan", "a/b", strings.Repeat("x", 9999))), 999, seal},
		{"many", strings.Repeat(field("ssn", "1"), 500) + formOf(field("a.b", "")), 4096, seal},
	} {
		checked, err := format.Check(sel, codec.Options{Settings: documents})
		if err != nil {
			t.Fatal(err)
		}
		b := codec.Body{At: sel.Root(), Checked: checked, Transform: tc.tr, Params: params}
		codectest.NoAllocs(t, tc.name, &format, b, []byte(tc.body), tc.chunk)
	}
}
