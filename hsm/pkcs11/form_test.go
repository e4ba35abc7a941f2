//go:build cgo && !windows

package pkcs11

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"testing"
)

// Records made today open for ever: the form, the label and the context
// encoding are pinned by AES-GCM of the standard library over a KEK known to
// the test.
func TestFormIsPermanent(t *testing.T) {
	d := newToken(t)
	kek := bytes.Repeat([]byte{7}, 32)
	d.imported("known", kek)
	p := open(t, d.uri("known"))
	ec := newContext(t, "service", "customers", "b", "2")
	aad := "sealmesh/v1/pkcs11/aes-gcm" + "\x00\x01b\x00\x012" + "\x00\x07service\x00\x09customers"

	// A golden record, and the same made here.
	for form, size := range map[byte]int{1: 12, 3: 16} {
		iv, key := bytes.Repeat([]byte{9}, size), bytes.Repeat([]byte{5}, 32)
		record := append(append([]byte{form}, iv...), gcm(t, kek, size).Seal(nil, iv, key, []byte(aad))...)
		if golden := map[byte]string{1: goldenGCM12, 3: goldenGCM16}[form]; hex.EncodeToString(record) != golden {
			t.Fatalf("form %d: the test itself changed: %x", form, record)
		}
		secret, err := p.UnwrapDataKey(t.Context(), record, ec)
		if err != nil {
			t.Fatalf("form %d: %v", form, err)
		}
		secret.Expose(func(b []byte) {
			if !bytes.Equal(b, key) {
				t.Errorf("form %d: another key", form)
			}
		})
	}

	_, record, err := p.GenerateDataKey(t.Context(), ec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gcm(t, kek, 12).Open(nil, record[1:13], record[13:], []byte(aad)); err != nil || record[0] != 1 || len(record) != 61 {
		t.Errorf("a new record is not what the package documents: form %d, %d bytes, %v", record[0], len(record), err)
	}
}

func gcm(t *testing.T, key []byte, iv int) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithNonceSize(block, iv)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

const (
	goldenGCM12 = "0109090909090909090909090922808191bbf5c464a567ce3de3efa6dad1b566f631ebf2c56aab43a3d071047f869b049e4ddb8a3b92731f6e2c155bd5"
	goldenGCM16 = "0309090909090909090909090909090909c78f88306a733172523d4cbcb6272b69d953b3cbd335380dda1d34c09a59d9997749cf6cd2fa5bd76dd2555facbaa631"
)
