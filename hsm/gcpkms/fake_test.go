package gcpkms

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/gcpkms/gcpfake"
	"github.com/sealmesh/sealmesh/hsm/guard"
	"github.com/sealmesh/sealmesh/hsm/guard/guardtest"
)

// isolate keeps the environment of whoever runs the tests out of them, and
// Application Default Credentials from being looked for on the network.
func isolate(t *testing.T) {
	t.Helper()
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none"))
	for _, name := range []string{"GOOGLE_CLOUD_QUOTA_PROJECT", "GCE_METADATA_HOST", "GOOGLE_CLOUD_UNIVERSE_DOMAIN", "GOOGLE_API_USE_CLIENT_CERTIFICATE", "EXPERIMENTAL_GOOGLE_API_USE_S2A", "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"} {
		t.Setenv(name, "")
	}
}

// A rig is a fake, a key in it, and the credentials of one who may do all.
type rig struct {
	*gcpfake.Server
	key, all string
}

func startFake(t testing.TB) rig {
	t.Helper()
	s := gcpfake.Start()
	t.Cleanup(s.Close)
	r := rig{Server: s, key: s.CreateKey(gcpfake.Key{})}
	r.all = r.account(t, gcpfake.Get, gcpfake.Encrypt, gcpfake.Decrypt)
	return r
}

// account returns the file of a service account's credentials.
func (r rig) account(t testing.TB, permissions ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(file, r.CreateAccount(permissions...), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (r rig) uri(key, credentials string) string {
	q := url.Values{"endpoint": {r.URL()}, "credentials-file": {credentials}}
	return "gcpkms:///" + key + "?" + q.Encode()
}

// inProcess has p ask r without a network.
func inProcess(r rig, p *Provider) *Provider {
	p.client.http.Transport = guard.Limit(guardtest.Direct{Handler: r.Server})
	return p
}

func opener(uri string) func(testing.TB) hsm.Provider {
	return func(t testing.TB) hsm.Provider { return mustOpen(t, uri) }
}

func mustOpen(t testing.TB, uri string) *Provider {
	t.Helper()
	p, err := Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
