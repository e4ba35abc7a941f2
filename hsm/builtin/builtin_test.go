package builtin_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
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
