package kmsfake

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"testing"

	"github.com/tink-crypto/tink-go/v2/kwp/subtle"
)

// RFC 5649, section 6.
func TestUnwrapPaddedVectors(t *testing.T) {
	for wrapped, want := range map[string]string{
		"138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a": "c37b7e6492584340bed12207808941155068f738",
		"afbeb0f07dfbf5419200f2ccb50bb24f":                                 "466f7250617369",
	} {
		key, _ := hex.DecodeString("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
		b, _ := hex.DecodeString(wrapped)
		if got, err := unwrapPadded(key, b); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%x, %v; want %s", got, err, want)
		}
	}
}

// What another implementation wraps is unwrapped, and nothing that differs in a
// bit or its length.
func TestUnwrapPaddedRefuses(t *testing.T) {
	key := make([]byte, 32)
	rand.Read(key)
	other, err := subtle.NewKWP(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{16, 21, 1218} {
		plain := make([]byte, size)
		rand.Read(plain)
		wrapped, err := other.Wrap(plain)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := unwrapPadded(key, wrapped); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %v", size, err)
		}
		for i := range wrapped {
			bad := bytes.Clone(wrapped)
			bad[i] ^= 1 << (i % 8)
			if _, err := unwrapPadded(key, bad); err == nil {
				t.Errorf("byte %d of %d changed: no error", i, len(wrapped))
			}
		}
		for _, n := range []int{0, 8, len(wrapped) - 8, len(wrapped) - 1} {
			if _, err := unwrapPadded(key, wrapped[:n]); err == nil {
				t.Errorf("cut to %d of %d: no error", n, len(wrapped))
			}
		}
	}
}
