package gcpkms

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/gcpkms/gcpfake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func TestOpenRefuses(t *testing.T) {
	isolate(t)
	r := startFake(t)
	tests := []struct {
		key   gcpfake.Key
		class hsm.Class
		text  string
	}{
		{gcpfake.Key{Purpose: "ASYMMETRIC_DECRYPT"}, hsm.Misconfigured, "ASYMMETRIC_DECRYPT"},
		{gcpfake.Key{Purpose: "RAW_ENCRYPT_DECRYPT"}, hsm.Misconfigured, "purpose"},
		{gcpfake.Key{NoPrimary: true}, hsm.Misconfigured, "set-primary-version"},
	}
	for _, tt := range tests {
		_, err := Open(t.Context(), r.uri(r.CreateKey(tt.key), r.all))
		hsmtest.WantError(t, err, tt.class, tt.text)
	}
	_, err := Open(t.Context(), r.uri(r.key+"-absent", r.all))
	hsmtest.WantError(t, err, hsm.Misconfigured, "NOT_FOUND")
	for state, v := range states {
		r.SetState(r.key, 1, state)
		_, err := Open(t.Context(), r.uri(r.key, r.all))
		hsmtest.WantError(t, err, v.class, state, v.hint)
	}
}

// TestRoles: a role need not read the key, and then may do only what is its own.
func TestRoles(t *testing.T) {
	isolate(t)
	r := startFake(t)
	sealer := mustOpen(t, r.uri(r.key, r.account(t, gcpfake.Encrypt)))
	opens := mustOpen(t, r.uri(r.key, r.account(t, gcpfake.Decrypt)))
	wrapped := hsmtest.Wrap(t, sealer)
	if err := hsmtest.Unwrap(t, opens, wrapped); err != nil {
		t.Error(err)
	}
	hsmtest.WantError(t, hsmtest.Unwrap(t, sealer, wrapped), hsm.Denied, "PERMISSION_DENIED", "roles/cloudkms")
	_, _, err := opens.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	hsmtest.WantError(t, err, hsm.Denied)
	_, err = opens.Describe(t.Context())
	hsmtest.WantError(t, err, hsm.Denied)
}

func TestDescribe(t *testing.T) {
	isolate(t)
	r := startFake(t)
	name := r.CreateKey(gcpfake.Key{Protection: "HSM", Rotation: "7776000s"})
	p := mustOpen(t, r.uri(name, r.all))
	got, err := p.Describe(t.Context())
	if err != nil || got.KeyID != name || got.Origin != "HSM" || got.Spec != "GOOGLE_SYMMETRIC_ENCRYPTION" || got.Rotation != "enabled" || got.RotationDay != 90 ||
		got.State != "Enabled" || len(got.Regions) != 1 || got.Regions[0] != "europe-west4" || p.Identity() != name {
		t.Errorf("%+v, %v", got, err)
	}
	r.SetState(name, 1, "DESTROY_SCHEDULED")
	if got, err = p.Describe(t.Context()); err != nil || got.State != "PendingDeletion" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = mustOpen(t, r.uri(r.key, r.all)).Describe(t.Context()); err != nil || got.Rotation != "disabled" || got.Origin != "SOFTWARE" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestVersions: an old version that is disabled ends what it wrapped; the
// primary one ends the KEK.
func TestVersions(t *testing.T) {
	isolate(t)
	r := startFake(t)
	p := mustOpen(t, r.uri(r.key, r.all))
	first := hsmtest.Wrap(t, p)
	r.Rotate(r.key)
	second := hsmtest.Wrap(t, p)
	for _, wrapped := range [][]byte{first, second} {
		if err := hsmtest.Unwrap(t, p, wrapped); err != nil {
			t.Error(err)
		}
	}
	r.SetState(r.key, 1, "DISABLED")
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, first), hsm.Misconfigured, "version 1 is DISABLED", "enable the version")
	if err := hsmtest.Unwrap(t, p, second); err != nil {
		t.Error(err)
	}
	r.SetState(r.key, 2, "DESTROYED")
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, second), hsm.Denied, "version 2 is DESTROYED")
	_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	hsmtest.WantError(t, err, hsm.Denied, "version 2 is DESTROYED")
	// One who has never heard which version is the primary one takes it for the KEK's end.
	blind := mustOpen(t, r.uri(r.key, r.account(t, gcpfake.Decrypt)))
	hsmtest.WantError(t, hsmtest.Unwrap(t, blind, first), hsm.Denied, "version 1 is DISABLED")
}

func TestCredentials(t *testing.T) {
	isolate(t)
	r := startFake(t)
	uri := "gcpkms:///" + r.key + "?endpoint=" + r.URL()
	_, err := Open(t.Context(), uri)
	hsmtest.WantError(t, err, hsm.Misconfigured, "GOOGLE_APPLICATION_CREDENTIALS")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", r.all)
	t.Setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "payer")
	p := mustOpen(t, uri)
	wrapped := hsmtest.Wrap(t, p)
	log := r.Requests()
	if last := log[len(log)-1]; last.QuotaProject != "payer" || !strings.HasPrefix(last.Token, "ya29.") {
		t.Errorf("asked with %+v", last)
	}
	r.DisableAccounts()
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Denied, "UNAUTHENTICATED")
	_, err = Open(t.Context(), uri)
	hsmtest.WantError(t, err, hsm.Denied, "invalid_grant", "deleted or disabled")

	for name, text := range map[string]string{"no JSON": "canary", "another type": `{"type":"canary"}`, "no key": `{"type":"service_account","private_key":"canary"}`} {
		file := filepath.Join(t.TempDir(), "credentials.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := Open(t.Context(), r.uri(r.key, file)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}
