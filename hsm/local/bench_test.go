package local_test

import (
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

func BenchmarkUnwrap(b *testing.B) {
	p := mustOpen(b, newFile(b))
	_, wrapped, err := p.GenerateDataKey(b.Context(), hsm.EncryptionContext{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.UnwrapDataKey(b.Context(), wrapped, hsm.EncryptionContext{}); err != nil {
			b.Fatal(err)
		}
	}
}
