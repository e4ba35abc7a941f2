//go:build !race

package coding

import (
	"runtime"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// In steady state a message allocates next to nothing, whatever a coding does
// for its first.
func TestMessagesAllocate(t *testing.T) {
	for name, c := range all {
		m := NewMessages(c, DefaultRatio)
		body := encode(t, c, text(2000))
		var plain codec.Held
		var out codec.Output
		run := func() {
			_ = m.Decode(&plain, body, 1<<20)
			_ = m.Encode(&out, [][]byte{plain.Bytes()})
			plain.Drop()
			out.Reset()
		}
		run()
		if n := testing.AllocsPerRun(50, run); n > 4 { // the decoder of br has tables
			t.Errorf("%s: %v allocations", name, n)
		}
		m.Free()
	}
}

// A short body in gzip does not allocate an encoder, which takes 0.8 MB.
func TestShortBodiesAllocate(t *testing.T) {
	body, plain := encode(t, Gzip, text(2000)), text(2000)
	run := func() {
		var out codec.Output
		d := NewDecoder(Gzip, DefaultRatio)
		e, err := NewEncoder(Gzip)
		if err != nil {
			t.Fatal(err)
		}
		_ = d.Write(body, func([]byte) error { return nil })
		_ = e.Write(&out, plain)
		_ = e.Close(&out)
		d.Free()
		e.Free()
		out.Reset()
	}
	var before, after runtime.MemStats
	run()
	runtime.ReadMemStats(&before)
	for range 50 {
		run()
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / 50; n > 200<<10 {
		t.Errorf("%d bytes for each body", n)
	}
}
