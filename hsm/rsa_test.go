package hsm

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// labels are what stands in wraps that exist, by provider.
var labels = map[string]RSALabel{
	"awskms":  "sealmesh/awskms/rsa-context/v1\x00",
	"azurekv": "sealmesh/azurekv/wrap/v1\x00",
	"pkcs11":  "sealmesh/v1/pkcs11/rsa-oaep-sha256",
}

// goldenRSA reads testdata/rsa.txt: a private key, and wraps under it by
// provider.
func goldenRSA(t *testing.T) (private *rsa.PrivateKey, wraps map[string][]byte) {
	t.Helper()
	text, err := os.ReadFile("testdata/rsa.txt")
	if err != nil {
		t.Fatal(err)
	}
	wraps = map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "#" {
			continue
		}
		b, err := hex.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		if name != "key" {
			wraps[name] = b
			continue
		}
		key, err := x509.ParsePKCS8PrivateKey(b)
		if err != nil {
			t.Fatal(err)
		}
		private = key.(*rsa.PrivateKey)
	}
	return private, wraps
}

// Wraps that were made before opens for ever: by their own provider, under
// their own context.
func TestGoldenRSAWraps(t *testing.T) {
	private, wraps := goldenRSA(t)
	own := mustContext(t, map[string]string{"service": "customers"})
	other := mustContext(t, map[string]string{"service": "orders"})
	for name := range labels {
		plaintext, err := rsa.DecryptOAEP(sha256.New(), nil, private, wraps[name], nil)
		if err != nil {
			t.Fatal(err)
		}
		for by, label := range labels {
			if got, want := label.Bound(plaintext, own), by == name; got != want {
				t.Errorf("a wrap by %s is bound for %s: %t, want %t", name, by, got, want)
			}
			if label.Bound(plaintext, other) || label.Bound(plaintext, EncryptionContext{}) {
				t.Errorf("a wrap by %s is bound to another context", name)
			}
		}
		if !bytes.Equal(plaintext[:DataKeySize], bytes.Repeat([]byte{7}, DataKeySize)) {
			t.Errorf("a wrap by %s holds another data key", name)
		}
	}
}

func mustContext(t *testing.T, pairs map[string]string) EncryptionContext {
	t.Helper()
	ec, err := NewEncryptionContext(pairs)
	if err != nil {
		t.Fatal(err)
	}
	return ec
}

func TestRSALabel(t *testing.T) {
	private, _ := goldenRSA(t)
	ec := mustContext(t, map[string]string{"service": "customers"})
	key := bytes.Repeat([]byte{1}, DataKeySize)
	const label = RSALabel("test")
	wrapped, err := label.Wrap(&private.PublicKey, key, ec)
	if err != nil {
		t.Fatal(err)
	}
	plaintext, err := rsa.DecryptOAEP(sha256.New(), nil, private, wrapped, nil)
	if err != nil || !bytes.HasPrefix(plaintext, key) || !label.Bound(plaintext, ec) {
		t.Errorf("does not come back: %v", err)
	}
	if label.Bound(plaintext[:RSAPlaintextSize-1], ec) || label.Bound(append(plaintext, 0), ec) || label.Bound(nil, ec) {
		t.Error("bound at another length")
	}
	plaintext[DataKeySize] ^= 1
	if label.Bound(plaintext, ec) {
		t.Error("bound with another hash")
	}
}
