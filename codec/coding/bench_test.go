package coding

import (
	"fmt"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// BenchmarkRecode decodes a body and encodes it again.
func BenchmarkRecode(b *testing.B) {
	for name, c := range all {
		for _, n := range []int{2 << 10, 100 << 10} {
			body := encode(b, c, text(n))
			b.Run(fmt.Sprintf("%s/%dKiB", name, n>>10), func(b *testing.B) {
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					recode(b, c, body)
				}
			})
		}
	}
}

func recode(b *testing.B, c Coding, body []byte) {
	var out codec.Output
	defer out.Reset()
	d := NewDecoder(c, DefaultRatio)
	defer d.Free()
	e, err := NewEncoder(c)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Free()
	take := func(p []byte) error { return e.Write(&out, p) }
	if err := d.Write(body, take); err != nil {
		b.Fatal(err)
	}
	if err := d.Close(take); err != nil {
		b.Fatal(err)
	}
	if err := e.Close(&out); err != nil {
		b.Fatal(err)
	}
}
