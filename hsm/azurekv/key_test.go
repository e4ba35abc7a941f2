package azurekv

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/azurekv/azurefake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func TestOpenRefuses(t *testing.T) {
	s := startFake(t)
	tests := []struct {
		name  string
		key   azurefake.Key
		class hsm.Class
		text  string
	}{
		{"curve", azurefake.Key{Type: "EC"}, hsm.Unsupported, "RSA"},
		{"symmetric", azurefake.Key{Type: "oct-HSM"}, hsm.Unsupported, "RSA"},
		{"short", azurefake.Key{Bits: 1024}, hsm.Unsupported, "2048"},
		{"exportable", azurefake.Key{Exportable: true}, hsm.Misconfigured, "may leave the vault"},
		{"sealing only", azurefake.Key{Operations: []string{"wrapKey"}}, hsm.Misconfigured, "may not unwrap"},
		{"expired", azurefake.Key{Expires: time.Now().Unix() - 1}, hsm.Denied, "expired"},
		{"not yet", azurefake.Key{NotBefore: time.Now().Unix() + 3600}, hsm.Denied, "not yet valid"},
	}
	for _, tt := range tests {
		s.CreateKey("k", tt.key)
		_, err := Open(t.Context(), uri(s, "k"))
		hsmtest.WantError(t, err, tt.class, tt.text)
	}
	_, err := Open(t.Context(), uri(s, "absent"))
	hsmtest.WantError(t, err, hsm.Misconfigured, "KeyNotFound", "name")
	s.Disable("customers", 1)
	_, err = Open(t.Context(), uri(s, "customers"))
	hsmtest.WantError(t, err, hsm.Denied, "disabled")
	s.Allow()
	_, err = Open(t.Context(), uri(s, "customers"))
	hsmtest.WantError(t, err, hsm.Denied, "ForbiddenByRbac", "Crypto Service Encryption User")
}

// TestVersions: each wrap is unwrapped by the version that made it; an old one
// that is disabled ends what it wrapped, the current one ends the KEK, for
// wraps too.
func TestVersions(t *testing.T) {
	s := startFake(t)
	p := mustOpen(t, uri(s, "customers"))
	first := hsmtest.Wrap(t, p)
	s.Rotate("customers")
	second := hsmtest.Wrap(t, p)
	if bytes.Equal(first[1:17], second[1:17]) {
		t.Error("the new version does not wrap")
	}
	for _, wrapped := range [][]byte{first, second} {
		if err := hsmtest.Unwrap(t, p, wrapped); err != nil {
			t.Error(err)
		}
	}
	forged := bytes.Clone(second)
	forged[1] ^= 1
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, forged), hsm.Corrupt)
	s.Disable("customers", 1)
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, first), hsm.Misconfigured, "KeyDisabled", "the current one is not")
	if err := hsmtest.Unwrap(t, p, second); err != nil {
		t.Error(err)
	}
	s.Disable("customers", 2)
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, second), hsm.Denied, "KeyDisabled")
	_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	hsmtest.WantError(t, err, hsm.Denied, "disabled")
	s.DeleteKey("customers")
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, second), hsm.Denied, "recover")
	_, _, err = p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	hsmtest.WantError(t, err, hsm.Denied, "recover")
}

// TestVersionUntold: a version that is disabled denies the KEK only where the
// key itself says that it is the current one.
func TestVersionUntold(t *testing.T) {
	s := startFake(t)
	p := mustOpen(t, uri(s, "customers"))
	wrapped := hsmtest.Wrap(t, p)
	out := azurefake.Fault{Status: 503}
	disabled := azurefake.Fault{Status: 403, Body: vaultError(t, "Forbidden", "KeyDisabled", "")}
	s.Fail(disabled, out, out, out)
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unclear, "KeyDisabled")
	s.Fail(disabled) // and the key is as it was
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unclear, "by one answer")
	s.Fail(azurefake.Fault{Status: 404, Body: vaultError(t, "KeyNotFound", "", "")}, out, out, out)
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unclear, "KeyNotFound")
}

func TestDescribe(t *testing.T) {
	s := startFake(t)
	expires := time.Now().Add(time.Hour).Unix()
	s.CreateKey("k", azurefake.Key{Type: "RSA-HSM", Bits: 3072, Expires: expires, RotateAfter: "P3M"})
	p := mustOpen(t, uri(s, "k"))
	got, err := p.Describe(t.Context())
	if err != nil || got.KeyID != azurefake.Host+"/keys/k" || got.Origin != "HSM" || got.Spec != "RSA_3072" || got.State != "Enabled" ||
		got.Expires.Unix() != expires || got.Rotation != "enabled" || got.RotationDays != 90 || p.Identity() != got.KeyID {
		t.Errorf("%+v, %v", got, err)
	}
	s.Allow("get")
	p = mustOpen(t, uri(s, "customers"))
	s.Disable("customers", 1)
	if got, err = p.Describe(t.Context()); err != nil || got.State != "Disabled" || got.Origin != "SOFTWARE" || got.Rotation != "" {
		t.Errorf("%+v, %v", got, err)
	}
	for text, want := range map[string]int{"P90D": 90, "P2W": 14, "P1Y": 365, "P1Y2M": 0, "": 0, "P": 0, "PT1H": 0, "P-1D": 0} {
		if got := days(text); got != want {
			t.Errorf("days(%q) = %d, want %d", text, got, want)
		}
	}
}

// TestForm holds the form of wraps, which records that exist depend on.
func TestForm(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	k := &current{public: &private.PublicKey, version: [16]byte{0xab, 15: 0xcd}}
	key := bytes.Repeat([]byte{7}, hsm.DataKeySize)
	wrapped, err := k.wrap(key, hsmtest.Context(t, "service", "customers"))
	if err != nil || len(wrapped) != 273 || hex.EncodeToString(wrapped[:17]) != "01ab0000000000000000000000000000cd" {
		t.Fatalf("%x, %v", wrapped, err)
	}
	plaintext, err := rsa.DecryptOAEP(sha256.New(), nil, private, wrapped[17:], nil)
	want := sha256.Sum256([]byte("sealmesh/azurekv/wrap/v1\x00\x00\x07service\x00\x09customers"))
	if err != nil || !bytes.Equal(plaintext, append(key, want[:]...)) {
		t.Errorf("%x, %v", plaintext, err)
	}
	if version, ciphertext, ok := unpack(wrapped); !ok || version != k.version || !bytes.Equal(ciphertext, wrapped[17:]) {
		t.Error("unpack is not the inverse")
	}
	for _, n := range []int{0, 1, 16, 17, 272, 274, 401 + 1} {
		if _, _, ok := unpack(make([]byte, n)); ok {
			t.Errorf("%d bytes unpack", n)
		}
	}
}
