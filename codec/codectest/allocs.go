package codectest

import (
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// Allocs holds f to the promise that, in steady state, neither a body nor a
// field allocates, whole or cut. The race detector makes pools drop what they
// hold, so call Allocs in a file that is built without it:
//
//	//go:build !race
func Allocs(t *testing.T, f *codec.Format, c Corpus) {
	t.Helper()
	r := newRunner(t, f, c)
	b, err := r.body(r.sel, Seal, codec.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var out codec.Output
	for _, text := range append([]string{c.Many(50), c.Value(5000)}, c.Bodies...) {
		body := []byte(text)
		for _, step := range []int{len(body), 64, 1} {
			n := testing.AllocsPerRun(20, func() {
				w, err := f.New(b)
				for p := body; len(p) > 0 && err == nil; p = p[min(step, len(p)):] {
					err = w.Write(&out, p[:min(step, len(p))])
				}
				if err == nil {
					err = w.Close(&out)
				}
				if err != nil {
					t.Fatalf("%.200q: %v", body, err)
				}
				w.Free()
				out.Reset()
			})
			if n != 0 {
				t.Errorf("%.200q in pieces of %d: %v allocations", body, step, n)
			}
		}
	}
}
