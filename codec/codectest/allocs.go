package codectest

import (
	"fmt"
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
	for _, body := range append([]string{c.Many(50), c.Value(5000)}, c.Bodies...) {
		for _, step := range []int{len(body), 64, 1} {
			NoAllocs(t, fmt.Sprintf("%.200q in pieces of %d", body, step), f, b, []byte(body), step)
		}
	}
}

// NoAllocs fails if a Writer of f for b allocates in steady state, when body
// comes in chunks of step bytes. name names the case. It is for the same files
// as [Allocs].
func NoAllocs(t *testing.T, name string, f *codec.Format, b codec.Body, body []byte, step int) {
	t.Helper()
	var out codec.Output
	n := testing.AllocsPerRun(50, func() {
		if err := pass(f, b, &out, body, step); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	})
	if n != 0 {
		t.Errorf("%s: %v allocations", name, n)
	}
}

// Benchmark measures a Writer of f for b, whose body comes whole.
func Benchmark(b *testing.B, f *codec.Format, doc codec.Body, body []byte) {
	b.Helper()
	var out codec.Output
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := pass(f, doc, &out, body, len(body)); err != nil {
			b.Fatal(err)
		}
	}
}

// pass runs body through a Writer in chunks of step bytes, and drops the output.
func pass(f *codec.Format, b codec.Body, out *codec.Output, body []byte, step int) error {
	w, err := f.New(b)
	if err != nil {
		return err
	}
	defer out.Reset()
	defer w.Free()
	for p := body; len(p) > 0; p = p[min(step, len(p)):] {
		if err := w.Write(out, p[:min(step, len(p))]); err != nil {
			return err
		}
	}
	return w.Close(out)
}
