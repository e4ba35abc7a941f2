package gcpkms

import (
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

// TestRoles: a role need not read the key, and then may do only what is its
// own.
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
	if err != nil || got.KeyID != name || got.Origin != "HSM" || got.Spec != "GOOGLE_SYMMETRIC_ENCRYPTION" || got.Rotation != "enabled" || got.RotationDays != 90 ||
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
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, first), hsm.Denied, "version 1 is DISABLED")
	_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	hsmtest.WantError(t, err, hsm.Denied, "version 2 is DESTROYED")
}

// TestStalePrimary: which version is the primary one is asked when it matters.
// Neither what was known before a rotation nor a role that may not read the key
// makes an old version's end a denial of the KEK.
func TestStalePrimary(t *testing.T) {
	isolate(t)
	r := startFake(t)
	w := mustOpen(t, r.uri(r.key, r.all))
	old := hsmtest.Wrap(t, w)
	opens := r.account(t, gcpfake.Get, gcpfake.Decrypt)
	before := mustOpen(t, r.uri(r.key, opens))
	blind := mustOpen(t, r.uri(r.key, r.account(t, gcpfake.Decrypt)))
	r.Rotate(r.key)
	fresh := hsmtest.Wrap(t, w)
	r.SetState(r.key, 1, "DISABLED")
	for name, tt := range map[string]struct {
		p     *Provider
		class hsm.Class
	}{
		"opened before the rotation": {before, hsm.Misconfigured},
		"opened after it":            {mustOpen(t, r.uri(r.key, opens)), hsm.Misconfigured},
		"without cryptoKeys.get":     {blind, hsm.Unclear},
	} {
		t.Run(name, func(t *testing.T) {
			hsmtest.WantError(t, hsmtest.Unwrap(t, tt.p, old), tt.class, "version 1 is DISABLED")
			if err := hsmtest.Unwrap(t, tt.p, fresh); err != nil {
				t.Error(err)
			}
		})
	}
	// Encrypt by a server that has not heard of the new primary version yet, and
	// Decrypt by one that calls the primary version disabled while it is not.
	late := func(version string) gcpfake.Fault {
		return gcpfake.Fault{Status: 400, Body: string(rpcError(t, 400, "FAILED_PRECONDITION", r.key+"/cryptoKeyVersions/"+version+" is not enabled, current state is: DISABLED.", ""))}
	}
	r.Fail(late("1"))
	_, _, err := w.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	hsmtest.WantError(t, err, hsm.Unclear, "version 1 is DISABLED")
	r.Fail(late("2"))
	hsmtest.WantError(t, hsmtest.Unwrap(t, w, fresh), hsm.Unclear, "version 2 is DISABLED")
	// Nobody says what the key is.
	out := gcpfake.Fault{Status: 503}
	r.Fail(late("2"), out, out, out)
	hsmtest.WantError(t, hsmtest.Unwrap(t, w, fresh), hsm.Unclear)
}
