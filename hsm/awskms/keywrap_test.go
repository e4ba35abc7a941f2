package awskms

import (
	"bytes"
	"crypto/aes"
	"crypto/rand"
	"encoding/hex"
	"testing"

	"github.com/tink-crypto/tink-go/v2/kwp/subtle"
)

// RFC 5649, section 6.
func TestWrapPaddedVectors(t *testing.T) {
	for plain, want := range map[string]string{
		"c37b7e6492584340bed12207808941155068f738": "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
		"466f7250617369": "afbeb0f07dfbf5419200f2ccb50bb24f",
	} {
		block, err := aes.NewCipher(unhex(t, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(wrapPadded(block, unhex(t, plain))); got != want {
			t.Errorf("%s: %s, want %s", plain, got, want)
		}
	}
}

// Another implementation unwraps what ours wraps, of every length of padding
// and of an RSA key's.
func TestWrapPaddedAgainstTink(t *testing.T) {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	other, err := subtle.NewKWP(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{16, 17, 18, 19, 20, 21, 22, 23, 24, 32, 1193, 1218, 2375, 4096} {
		plain := make([]byte, size)
		rand.Read(plain)
		if got, err := other.Unwrap(wrapPadded(block, plain)); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
