package transit

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

func TestOpenRefuses(t *testing.T) {
	isolate(t)
	tests := []struct {
		name  string
		key   transitfake.Key
		class hsm.Class
		text  string
	}{
		{"AES-128", transitfake.Key{Type: "aes128-gcm96"}, hsm.Unsupported, "aes128-gcm96"},
		{"RSA", transitfake.Key{Type: "rsa-4096"}, hsm.Unsupported, "rsa-4096"},
		{"signing key", transitfake.Key{Type: "ed25519"}, hsm.Unsupported, "ed25519"},
		{"derived", transitfake.Key{Derived: true}, hsm.Misconfigured, "derived"},
		{"exportable", transitfake.Key{Exportable: true}, hsm.Misconfigured, "may leave Vault"},
		{"plaintext backup", transitfake.Key{AllowBackup: true}, hsm.Misconfigured, "may leave Vault"},
		{"soft-deleted", transitfake.Key{SoftDeleted: true}, hsm.Denied, "restore it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startFake(t)
			r.CreateKey("customers", tt.key)
			_, err := Open(t.Context(), r.uri("customers"))
			hsmtest.WantError(t, err, tt.class, tt.text)
		})
	}
	r := startFake(t)
	_, err := Open(t.Context(), r.uri("absent"))
	hsmtest.WantError(t, err, hsm.Denied, "no such key", "vault write -f transit/keys/absent")
	_, err = Open(t.Context(), strings.Replace(r.uri("customers"), "/transit/customers", "/kv/customers", 1))
	hsmtest.WantError(t, err, hsm.Unclear, "no handler for route", "mount")
	_, err = Open(t.Context(), r.uri("customers", "namespace", "emea"))
	hsmtest.WantError(t, err, hsm.Unclear, "namespace")
}

// TestOpenProvesBinding: a server that ignores the context is found out,
// whether or not it warns, and whether or not the key can be read.
func TestOpenProvesBinding(t *testing.T) {
	isolate(t)
	for _, silent := range []bool{false, true} {
		r := startFake(t)
		r.Do(func() { r.Before113, r.Silent = true, silent })
		_, err := Open(t.Context(), r.uri("customers"))
		hsmtest.WantError(t, err, hsm.Unsupported, "1.13")
		_, err = Open(t.Context(), startToken(t, r, "blind", "update transit/encrypt/customers", "update transit/decrypt/customers"))
		hsmtest.WantError(t, err, hsm.Unsupported, "1.13")
	}
	// A sealer has only the warning.
	r := startFake(t)
	r.Do(func() { r.Before113 = true })
	_, err := Open(t.Context(), startToken(t, r, "sealer", "update transit/encrypt/customers", "read transit/keys/customers"))
	hsmtest.WantError(t, err, hsm.Unsupported, "ignores associated_data")
}

// TestRoles: who may do what opens the KEK.
func TestRoles(t *testing.T) {
	isolate(t)
	const encrypt, decrypt, read = "update transit/encrypt/customers", "update transit/decrypt/customers", "read transit/keys/customers"
	tests := []struct {
		caps  []string
		opens bool
	}{
		{[]string{encrypt, decrypt, read}, true},
		{[]string{encrypt, decrypt}, true},
		{[]string{encrypt, read}, true},
		{[]string{decrypt, read}, true},
		{[]string{encrypt}, false},
		{[]string{decrypt}, false},
		{[]string{read}, false},
		{nil, false},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.caps, ", "), func(t *testing.T) {
			r := startFake(t)
			_, err := Open(t.Context(), startToken(t, r, "role", tt.caps...))
			if tt.opens && err != nil {
				t.Error(err)
			}
			if !tt.opens {
				hsmtest.WantError(t, err, hsm.Denied)
			}
		})
	}
	// Proven though it could not be read: a type that binds nothing is found out.
	r := startFake(t)
	r.CreateKey("customers", transitfake.Key{Type: "rsa-2048"})
	_, err := Open(t.Context(), startToken(t, r, "blind", encrypt, decrypt))
	hsmtest.WantError(t, err, hsm.Unsupported, "non-AEAD")
}

// TestEnvironment: the variables of Vault and OpenBao, of which OpenBao's win.
func TestEnvironment(t *testing.T) {
	isolate(t)
	r := startFake(t)
	r.Do(func() { r.Namespace = "emea/crm" })
	t.Setenv("VAULT_ADDR", "https://wrong.example:1")
	t.Setenv("BAO_ADDR", r.URL())
	t.Setenv("VAULT_CACERT", r.ca)
	t.Setenv("VAULT_TOKEN", transitfake.Root)
	t.Setenv("BAO_NAMESPACE", "emea/crm")
	p := mustOpen(t, "transit:///transit/customers")
	if got := p.Identity(); got != "emea/crm/transit/customers" {
		t.Errorf("identity %q", got)
	}
	if err := hsmtest.Unwrap(t, p, hsmtest.Wrap(t, p)); err != nil {
		t.Error(err)
	}
	t.Setenv("VAULT_SKIP_VERIFY", "true")
	_, err := Open(t.Context(), "transit:///transit/customers")
	hsmtest.WantError(t, err, hsm.Misconfigured, "VAULT_SKIP_VERIFY")
	t.Setenv("VAULT_SKIP_VERIFY", "")
	t.Setenv("BAO_ADDR", "http://vault.example:8200")
	_, err = Open(t.Context(), "transit:///transit/customers")
	hsmtest.WantError(t, err, hsm.Misconfigured, "https")
	isolate(t)
	_, err = Open(t.Context(), "transit:///transit/customers")
	hsmtest.WantError(t, err, hsm.Misconfigured, "VAULT_ADDR")
	_, err = Open(t.Context(), "transit://vault.example/transit/customers")
	hsmtest.WantError(t, err, hsm.Misconfigured, "no token")
}

func TestIdentity(t *testing.T) {
	isolate(t)
	r := startFake(t)
	if p := mustOpen(t, r.uri("customers")); p.Identity() != "transit/customers" {
		t.Errorf("identity %q", p.Identity())
	}
	r.Do(func() { r.Namespace = "emea" })
	if p := mustOpen(t, r.uri("customers", "namespace", "emea", "cluster", "eu")); p.Identity() != "eu:emea/transit/customers" {
		t.Errorf("identity %q", p.Identity())
	}
}

func TestDescribe(t *testing.T) {
	isolate(t)
	r := startFake(t)
	r.CreateKey("customers", transitfake.Key{Type: "chacha20-poly1305", Imported: true, AutoRotatePeriod: 90 * 86400})
	p := mustOpen(t, r.uri("customers"))
	got, err := p.Describe(t.Context())
	if err != nil || got.Spec != "CHACHA20_POLY1305" || got.Origin != "EXTERNAL" || got.Rotation != "enabled" || got.RotationDays != 90 {
		t.Errorf("%+v, %v", got, err)
	}
	r.CreateKey("customers", transitfake.Key{})
	if got, err = p.Describe(t.Context()); err != nil || got.Spec != "AES_256" || got.Origin != "TRANSIT" || got.Rotation != "disabled" || got.State != "Enabled" {
		t.Errorf("%+v, %v", got, err)
	}
	p = mustOpen(t, startToken(t, r, "blind", "update transit/encrypt/customers", "update transit/decrypt/customers"))
	_, err = p.Describe(t.Context())
	hsmtest.WantError(t, err, hsm.Denied)
}
