package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// What limits.value_bytes lets in to be sealed opens again, however long its
// envelope's record is.
func TestWhatMayBeSealedMayBeOpened(t *testing.T) {
	const limit = 1024
	p, err := load(t, fmt.Sprintf(`version: 1
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
limits: {value_bytes: %d}
routes:
  - {name: r, match: {path: /r}, request: {seal: {$.a: pii}}, response: {open: {$.a: pii}}}
`, limit))
	if err != nil {
		t.Fatal(err)
	}
	keep := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) { return dst, 0, codec.ErrKeep }
	passes := func(plan *Plan, n int) error {
		var out codec.Output
		defer out.Reset()
		w := jsonWriter(t, plan, keep)
		defer w.Free()
		return w.Write(&out, []byte(`{"a":"`+strings.Repeat("x", n-2)+`"}`))
	}
	route := p.Routes[0]
	if err := passes(route.Request, limit); err != nil {
		t.Error(err)
	}
	if err := passes(route.Request, limit+1); err == nil {
		t.Error("a value past the limit may be sealed")
	}
	for s := range suite.All() {
		if err := passes(route.Response, envelope.EncodedLen(1<<16-1, limit+s.Overhead)+2); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	if err := passes(route.Response, 4*limit+1<<17); err == nil {
		t.Error("no limit on what may be opened")
	}
}

// jsonWriter makes a Writer for JSON bodies of plan.
func jsonWriter(t *testing.T, plan *Plan, tr codec.Transform) codec.Writer {
	t.Helper()
	f := formats.Table().Detect("application/json").Format
	b := plan.Body(f)
	b.Transform = tr
	w, err := f.New(b)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
