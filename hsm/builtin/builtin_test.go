package builtin_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/hsm/local"
)

func TestOpenLocal(t *testing.T) {
	dir := t.TempDir()
	if err := local.Create(filepath.Join(dir, "kek")); err != nil {
		t.Fatal(err)
	}
	kek, err := builtin.Open(t.Context(), "local:kek", builtin.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if kek.URI != "local:kek" || kek.Kind != "local" || kek.KindID != 1 || len(kek.Identity) != 32 {
		t.Errorf("opened %+v", kek)
	}
	secret, wrapped, err := kek.Provider.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Destroy()
	if _, err := kek.Provider.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{}); err != nil {
		t.Fatal(err)
	}
}

func TestOpenUnknown(t *testing.T) {
	for _, uri := range []string{"", "kek", "vault:x", "Local:kek", ":x"} {
		_, err := builtin.Open(t.Context(), uri, builtin.Options{})
		if err == nil || hsm.ClassOf(err) != hsm.Misconfigured {
			t.Fatalf("Open(%q): %v, want misconfigured", uri, err)
		}
		for _, kind := range builtin.Kinds() {
			if !strings.Contains(err.Error(), kind) {
				t.Errorf("Open(%q): %q does not list %s", uri, err, kind)
			}
		}
	}
}

// TestKindIDs: the numbers are in records that exist. A change here makes them
// unreadable.
func TestKindIDs(t *testing.T) {
	permanent := map[string]uint8{"local": 1, "awskms": 2, "pkcs11": 3, "transit": 4, "gcpkms": 5, "azurekv": 6}
	for _, kind := range builtin.Kinds() {
		if id, ok := builtin.KindID(kind); !ok || id != permanent[kind] || id == 0 {
			t.Errorf("KindID(%q) = %d, %v; want %d", kind, id, ok, permanent[kind])
		}
	}
	if id, ok := builtin.KindID("none"); ok || id != 0 {
		t.Errorf("KindID of an unknown kind: %d, %v", id, ok)
	}
}

func TestOpenAWSKMS(t *testing.T) {
	s, err := kmsfake.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "an example of a secret access key", "AWS_SESSION_TOKEN": "",
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_CA_BUNDLE": "",
	} {
		t.Setenv(name, value)
	}
	arn := s.CreateKey(kmsfake.Key{})
	kek, err := builtin.Open(t.Context(), "awskms:///"+arn+"?endpoint="+s.URL(), builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if kek.Kind != "awskms" || kek.KindID != 2 || kek.Identity != arn {
		t.Errorf("opened %+v", kek)
	}
}

// TestOpenErrorsAreTyped: whoever opens a KEK can tell a mistake from an outage.
func TestOpenErrorsAreTyped(t *testing.T) {
	for _, uri := range []string{"local:", "local:absent", "awskms:x", "pkcs11:"} {
		kek, err := builtin.Open(t.Context(), uri, builtin.Options{Dir: t.TempDir()})
		e, ok := errors.AsType[*hsm.Error](err)
		if !ok || kek.Provider != nil || e.Class != hsm.Misconfigured && e.Class != hsm.Unsupported {
			t.Errorf("Open(%q): %v, %v", uri, kek.Provider, err)
		}
	}
}
