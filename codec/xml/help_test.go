package xml

import (
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// Short names of what nearly every test uses.
var (
	keep       = codectest.Keep
	sealing    = codectest.Seal
	opening    = codectest.Open
	recording  = codectest.Record
	cuttings   = codectest.Cuttings
	everywhere = codectest.Everywhere
)

type seen = codectest.Seen

func mustSelect(t testing.TB, rules []codec.Rule) *codec.Selector {
	t.Helper()
	return codectest.Select(t, rules...)
}

func mustFold(t testing.TB, rules []codec.Rule) *codec.Selector {
	t.Helper()
	return codectest.Fold(t, rules...)
}

func rewrite(sel *codec.Selector, tr codec.Transform, l codec.Limits, body string, cuts []int) (string, error) {
	return codectest.Rewrite(&Format, sel, tr, l, body, cuts)
}

// newXML makes a Writer. Without a Selector it only validates.
func newXML(sel *codec.Selector, tr codec.Transform, l codec.Limits) codec.Writer {
	w, err := codectest.NewWriter(&Format, sel, tr, l)
	if err != nil {
		panic(err) // XML refuses nothing before its first byte
	}
	return w
}

// bodyOf is what a Writer for a whole document is made of.
func bodyOf(sel *codec.Selector, tr codec.Transform) codec.Body {
	b, err := codectest.NewBody(&Format, sel, tr, codec.Limits{})
	if err != nil {
		panic(err) // XML takes every Selector
	}
	return b
}
