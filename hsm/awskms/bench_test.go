package awskms

import (
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// BenchmarkUnwrap is one Decrypt over loopback, SDK, signature and fake
// included: what a miss costs this process besides the network and KMS.
func BenchmarkUnwrap(b *testing.B) {
	isolate(b)
	s := startFake(b)
	p := mustOpen(b, uri(s, s.CreateKey(kmsfake.Key{})))
	_, wrapped, err := p.GenerateDataKey(b.Context(), hsm.EncryptionContext{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.UnwrapDataKey(b.Context(), wrapped, hsm.EncryptionContext{}); err != nil {
			b.Fatal(err)
		}
		s.Forget()
	}
}
