//go:build !race

package coding

import (
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
