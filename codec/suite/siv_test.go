package suite

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"
)

// RFC 5297 A.1, which has keys of half the size and one component of associated
// data.
func TestSIVRFC5297(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	c, err := newSIV(unhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"))
	if err != nil {
		t.Fatal(err)
	}
	aad, plaintext := unhex("101112131415161718191a1b1c1d1e1f2021222324252627"), unhex("112233445566778899aabbccddee")
	got, err := c.Seal(nil, plaintext, aad)
	if want := unhex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x, %v", got, err)
	}
}

// Suite 3 is AES-SIV as Tink reads and writes it, under the derived key.
func TestSIVWithTink(t *testing.T) {
	key := bytes.Repeat([]byte{5}, KeySize)
	c, err := newDeterministic(key)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := hkdf.Key(sha256.New, key, nil, "sealmesh/v1/aes-256-siv", 64)
	if err != nil {
		t.Fatal(err)
	}
	other, err := subtle.NewAESSIV(keys)
	if err != nil {
		t.Fatal(err)
	}
	lengths := []int{longPlaintext - 1, longPlaintext, longPlaintext + 1, 5*longPlaintext + 7}
	for n := range 200 {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		for _, m := range []int{0, 1, 16, 33} {
			plaintext, aad := bytes.Repeat([]byte{byte(n)}, n), bytes.Repeat([]byte{byte(m)}, m)
			ours, err := c.Seal(nil, plaintext, aad)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := other.EncryptDeterministically(plaintext, aad)
			if err != nil || !bytes.Equal(ours, theirs) {
				t.Fatalf("%d, %d bytes: ours %x, Tink's %x, %v", n, m, ours, theirs, err)
			}
		}
	}
}
