//go:build !race

package xml

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

var (
	controlText = bytes.Repeat([]byte("<&\r"), 300)
	longText    = bytes.Repeat([]byte("sm1."), 900)
)

// controls gives text that takes more room once it is escaped.
func controls(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(dst, controlText...), codec.Text, nil
}

// long gives text as envelopes with a record in them are, and asks for all of
// its room at once.
func long(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(slices.Grow(dst, 2*len(longText)), longText...), codec.Text, nil
}

// same gives the value back.
func same(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
	return append(dst, batch[0].Value...), batch[0].Kind, nil
}

// TestNoAllocations: in steady state neither a body nor a field allocates. The
// race detector makes sync.Pool drop at random, so these run without it.
func TestNoAllocations(t *testing.T) {
	const list = "$.Envelope.Body.List.record"
	rules := []codec.Rule{
		{Path: list + "['{urn:people}card']"}, {Path: list + "['@id']"}, {Path: list + "[1].note", Unescape: true}, {Path: list + ".name"},
	}
	sel := mustSelect(t, rules).Guarded(codec.Guard{Envelope: isHead})
	folded := mustFold(t, rules).Guarded(codec.Guard{Envelope: isHead})
	odd := []byte(`<r xmlns:p="u"><p:a b="&#65;"><![CDATA[x]]>&#65;<!-- c --><?p i?></p:a>` + strings.Repeat(`<email>&#65;<p:x/></email><email>&quot;</email>`, 20) + `</r>`)
	for _, tc := range []struct {
		name  string
		sel   *codec.Selector
		body  []byte
		chunk int
		tr    codec.Transform
	}{
		{"whole", sel, enveloped(2<<10, 2), 1 << 20, seal},
		{"whole, large", sel, enveloped(220<<10, 5), 1 << 20, seal},
		{"kept", sel, enveloped(2<<10, 2), 1 << 20, keep},
		{"chunks", sel, enveloped(20<<10, 2), 999, seal},
		{"single bytes", sel, enveloped(2<<10, 2), 1, seal},
		{"ignoring case", folded, enveloped(2<<10, 2), 1 << 20, seal},
		{"escapes that outgrow the room", sel, enveloped(2<<10, 2), 1 << 20, controls},
		{"long replacements", sel, enveloped(2<<10, 2), 1 << 20, long},
		{"raw values", mustSelect(t, []codec.Rule{{Path: "$..email"}}).Guarded(codec.Guard{Envelope: isHead}), odd, 1 << 20, same},
		{"raw values in chunks", mustSelect(t, []codec.Rule{{Path: "$..email"}}).Guarded(codec.Guard{Envelope: isHead}), odd, 7, same},
	} {
		codectest.NoAllocs(t, tc.name, &Format, bodyOf(tc.sel, tc.tr), tc.body, tc.chunk)
	}
}
