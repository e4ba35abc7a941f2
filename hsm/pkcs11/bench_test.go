//go:build cgo && !windows

package pkcs11

import "testing"

func BenchmarkSoftHSM(b *testing.B) {
	p := newToken(b).kek("kek")(b)
	w := newWrapped(b, p)
	for _, bb := range []struct {
		name string
		op   func() error
	}{
		{"Generate", func() error { _, _, err := p.GenerateDataKey(b.Context(), w.ec); return err }},
		{"Unwrap", func() error { return w.open(b.Context(), p) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				if err := bb.op(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bb.name+"Parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := bb.op(); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
