package multipart

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// The search for the boundary finds what bytes.Index finds, in content that is
// much like the boundary, too.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = "--ab"[r.IntN(4)]
		}
		return b
	}
	for range 20_000 {
		b := string(text(1 + r.IntN(3)))
		if r.IntN(2) == 0 {
			b = string(text(1 + r.IntN(maxBoundary)))
		}
		var d delimiter
		if fault := d.set(codec.Params("boundary=" + b)); fault != "" {
			t.Fatal(fault)
		}
		p := text(r.IntN(200))
		if r.IntN(2) == 0 {
			p = append(append(p, d.dashed()[:r.IntN(d.n-1)]...), d.dashed()...)
			p = append(p, text(r.IntN(100))...)
		}
		if got, want := d.index(p), bytes.Index(p, d.dashed()); got != want {
			t.Fatalf("%q in %q: %d, want %d", d.dashed(), p, got, want)
		}
	}
}
