package awskms

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

func TestImport(t *testing.T) {
	isolate(t)
	s := startFake(t)
	arn := s.CreateKey(kmsfake.Key{Origin: "EXTERNAL"})
	material := make([]byte, materialSize)
	rand.Read(material)
	expires := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	p, err := Import(t.Context(), uri(s, arn, "timeout", "1m"), material, expires)
	if err != nil {
		t.Fatal(err)
	}
	if d := describedBy(t, p); d.Expires.Unix() != expires.Unix() {
		t.Errorf("expires at %v, not %v", d.Expires, expires)
	}
	key, wrapped, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	if err != nil {
		t.Fatal(err)
	}
	defer key.Destroy()
	// The same again renews it, for ever this time.
	if p, err = Import(t.Context(), uri(s, arn, "timeout", "1m"), material, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if d := describedBy(t, p); !d.Expires.IsZero() {
		t.Errorf("expires at %v", d.Expires)
	}
	if _, err := p.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{}); err != nil {
		t.Error(err)
	}
	material[0] ^= 1
	if _, err := Import(t.Context(), uri(s, arn, "timeout", "1m"), material, time.Time{}); err == nil {
		t.Error("other material: no error")
	}
}

func TestImportRefuses(t *testing.T) {
	isolate(t)
	s := startFake(t)
	kmsMade := s.CreateKey(kmsfake.Key{})
	for name, c := range map[string]struct {
		uri      string
		material int
		want     string
	}{
		"short material": {uri(s, kmsMade), 16, "16 bytes"},
		"KMS's own key":  {uri(s, kmsMade), 32, "GetParametersForImport"},
		"RSA material":   {uri(s, s.CreateKey(kmsfake.Key{Origin: "EXTERNAL", Spec: "RSA_2048"})), 32, "PKCS #8"},
		"HMAC":           {uri(s, s.CreateKey(kmsfake.Key{Origin: "EXTERNAL", Spec: "HMAC_256", Usage: "GENERATE_VERIFY_MAC"})), 32, "is no KEK"},
		"alias":          {"awskms:///arn:aws:kms:eu-west-1:111122223333:alias/x?endpoint=" + s.URL(), 32, "by its ARN"},
	} {
		_, err := Import(t.Context(), c.uri, make([]byte, c.material), time.Time{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An RSA private key is wrapped by RSA_AES_KEY_WRAP_SHA_256, and KMS then has
// that key.
func TestImportRSA(t *testing.T) {
	isolate(t)
	s := startFake(t)
	arn := s.CreateKey(kmsfake.Key{Origin: "EXTERNAL", Spec: "RSA_2048"})
	at := uri(s, arn, "timeout", "1m")
	material, err := NewMaterial(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	p, err := Import(t.Context(), at, material, expires)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(material)
	if err != nil {
		t.Fatal(err)
	}
	if private, ok := parsed.(*rsa.PrivateKey); !ok || !private.PublicKey.Equal(p.public) {
		t.Error("KMS has another key")
	}
	if d := describedBy(t, p); d.Expires.Unix() != expires.Unix() {
		t.Errorf("expires at %v, not %v", d.Expires, expires)
	}
	key, wrapped, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	if err != nil {
		t.Fatal(err)
	}
	defer key.Destroy()
	if _, err := Import(t.Context(), at, material, time.Time{}); err != nil {
		t.Fatalf("the same again: %v", err)
	}
	if _, err := p.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{}); err != nil {
		t.Error(err)
	}
	other, err := NewMaterial(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Import(t.Context(), at, other, time.Time{}); err == nil || !strings.Contains(err.Error(), "IncorrectKeyMaterial") {
		t.Errorf("another key: %v", err)
	}
	long := s.CreateKey(kmsfake.Key{Origin: "EXTERNAL", Spec: "RSA_3072"})
	if _, err := Import(t.Context(), uri(s, long), material, time.Time{}); err == nil || !strings.Contains(err.Error(), "2048 bits") {
		t.Errorf("a key of another length: %v", err)
	}
	for _, c := range s.Calls() {
		if c.Operation == "ImportKeyMaterial" && c.KeyID == long {
			t.Error("it was sent")
		}
	}
}
