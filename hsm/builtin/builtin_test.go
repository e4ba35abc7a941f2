package builtin_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
	"github.com/sealmesh/sealmesh/hsm/azurekv/azurefake"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/hsm/gcpkms/gcpfake"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
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
	if kek.URI != "local:kek" || kek.Kind != "local" || kek.ProviderID != 1 || len(kek.Identity) != 32 {
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

// TestProviderIDs: the numbers are in records that exist. A change here makes
// them unreadable.
func TestProviderIDs(t *testing.T) {
	permanent := map[string]uint8{"local": 1, "awskms": 2, "pkcs11": 3, "transit": 4, "gcpkms": 5, "azurekv": 6}
	for _, kind := range builtin.Kinds() {
		if id, ok := builtin.ProviderID(kind); !ok || id != permanent[kind] || id == 0 {
			t.Errorf("ProviderID(%q) = %d, %v; want %d", kind, id, ok, permanent[kind])
		}
	}
	if id, ok := builtin.ProviderID("none"); ok || id != 0 {
		t.Errorf("ProviderID of an unknown kind: %d, %v", id, ok)
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
	if kek.Kind != "awskms" || kek.ProviderID != 2 || kek.Identity != arn {
		t.Errorf("opened %+v", kek)
	}
}

// opens makes sure that uri opens a KEK of that kind, id and identity, which
// works.
func opens(t *testing.T, uri, kind string, id uint8, identity string) {
	t.Helper()
	kek, err := builtin.Open(t.Context(), uri, builtin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if kek.URI != uri || kek.Kind != kind || kek.ProviderID != id || kek.Identity != identity {
		t.Errorf("opened %+v", kek)
	}
	secret, wrapped, err := kek.Provider.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	if err != nil {
		t.Fatal(err)
	}
	secret.Destroy()
	again, err := kek.Provider.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{})
	if err != nil {
		t.Fatal(err)
	}
	again.Destroy()
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOpenTransit(t *testing.T) {
	s := transitfake.Start()
	t.Cleanup(s.Close)
	s.CreateKey("customers", transitfake.Key{})
	ca, err := s.WriteCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAULT_NAMESPACE", "")
	t.Setenv("BAO_NAMESPACE", "")
	uri := "transit://" + s.Host() + "/transit/customers?ca-file=" + ca + "&token-file=" + secretFile(t, transitfake.Root)
	opens(t, uri, "transit", 4, "transit/customers")
}

func TestOpenGCPKMS(t *testing.T) {
	s := gcpfake.Start()
	t.Cleanup(s.Close)
	key := s.CreateKey(gcpfake.Key{})
	credentials := s.CreateAccount(gcpfake.Get, gcpfake.Encrypt, gcpfake.Decrypt)
	opens(t, "gcpkms:///"+key+"?endpoint="+s.URL()+"&credentials-file="+secretFile(t, string(credentials)), "gcpkms", 5, key)
}

func TestOpenAzureKV(t *testing.T) {
	s := azurefake.Start()
	t.Cleanup(s.Close)
	s.CreateKey("customers", azurefake.Key{})
	s.SetSecret("a client's secret")
	t.Setenv("AZURE_AUTHORITY_HOST", "")
	uri := "azurekv://" + azurefake.Host + "/keys/customers?endpoint=" + s.URL() + "&credential=secret&tenant-id=" + azurefake.Tenant +
		"&client-id=" + azurefake.Client + "&client-secret-file=" + secretFile(t, "a client's secret")
	opens(t, uri, "azurekv", 6, azurefake.Host+"/keys/customers")
}

// TestOpenErrorsAreTyped: whoever opens a KEK can tell a mistake from an
// outage.
func TestOpenErrorsAreTyped(t *testing.T) {
	for _, uri := range []string{"local:", "local:absent", "awskms:x", "pkcs11:", "transit:", "gcpkms:", "azurekv:"} {
		kek, err := builtin.Open(t.Context(), uri, builtin.Options{Dir: t.TempDir()})
		e, ok := errors.AsType[*hsm.Error](err)
		if !ok || kek.Provider != nil || e.Class != hsm.Misconfigured && e.Class != hsm.Unsupported {
			t.Errorf("Open(%q): %v, %v", uri, kek.Provider, err)
		}
	}
}
