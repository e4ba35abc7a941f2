package azurekv

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/azurekv/azurefake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func secretFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestCredentials: each way to log in, by the environment and by the URI, and
// which of them is taken where nothing says.
func TestCredentials(t *testing.T) {
	tests := []struct {
		name    string
		env     map[string]string
		options []string
		path    string
	}{
		{name: "machine", path: "/metadata/identity/oauth2/token"},
		{name: "machine, user-assigned", options: []string{"client-id", azurefake.Client}, path: "/metadata/identity/oauth2/token"},
		{name: "app", env: map[string]string{"IDENTITY_ENDPOINT": "/msi/token", "IDENTITY_HEADER": "the header"}, path: "/msi/token"},
		{name: "workload", env: map[string]string{"AZURE_TENANT_ID": azurefake.Tenant, "AZURE_CLIENT_ID": azurefake.Client, "AZURE_FEDERATED_TOKEN_FILE": "s3cret"}, path: "/" + azurefake.Tenant + "/oauth2/v2.0/token"},
		{name: "secret", env: map[string]string{"AZURE_TENANT_ID": azurefake.Tenant, "AZURE_CLIENT_ID": azurefake.Client, "AZURE_CLIENT_SECRET": "s3cret"}, path: "/" + azurefake.Tenant + "/oauth2/v2.0/token"},
		{name: "secret file", options: []string{"tenant-id", azurefake.Tenant, "client-id", azurefake.Client, "client-secret-file", "s3cret"}, path: "/" + azurefake.Tenant + "/oauth2/v2.0/token"},
		{name: "managed though a secret is there", env: map[string]string{"AZURE_CLIENT_SECRET": "s3cret"}, options: []string{"credential", "managed"}, path: "/metadata/identity/oauth2/token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startFake(t)
			s.SetSecret("s3cret")
			for name, value := range tt.env {
				switch name {
				case "AZURE_FEDERATED_TOKEN_FILE":
					value = secretFile(t, value+"\n")
				case "IDENTITY_ENDPOINT":
					value = s.URL() + value
				}
				t.Setenv(name, value)
			}
			for i, o := range tt.options {
				if o == "s3cret" {
					tt.options[i] = secretFile(t, o)
				}
			}
			p := mustOpen(t, uri(s, "customers", tt.options...))
			if err := hsmtest.Unwrap(t, p, hsmtest.Wrap(t, p)); err != nil {
				t.Error(err)
			}
			var logins []string
			for _, r := range s.Requests() {
				if !strings.HasPrefix(r.Path, "/keys/") {
					logins = append(logins, r.Path)
				}
			}
			if len(logins) != 1 || logins[0] != tt.path {
				t.Errorf("logged in at %q, want %q once", logins, tt.path)
			}
		})
	}
}

// TestCredentialRefused: a wrong secret is denied, what is missing misconfigured, and no
// error shows what was sent.
func TestCredentialRefused(t *testing.T) {
	s := startFake(t)
	s.SetSecret("right")
	t.Setenv("AZURE_TENANT_ID", azurefake.Tenant)
	t.Setenv("AZURE_CLIENT_ID", azurefake.Client)
	t.Setenv("AZURE_CLIENT_SECRET", "canary")
	_, err := Open(t.Context(), uri(s, "customers"))
	if e := hsmtest.WantError(t, err, hsm.Denied, "invalid_client", "expired"); strings.Contains(e.Error(), "canary") {
		t.Errorf("%q shows the secret", e)
	}
	t.Setenv("AZURE_CLIENT_ID", "")
	_, err = Open(t.Context(), uri(s, "customers"))
	hsmtest.WantError(t, err, hsm.Misconfigured, "AZURE_CLIENT_ID")
	_, err = Open(t.Context(), uri(s, "customers", "client-id", azurefake.Client, "client-secret-file", secretFile(t, "")))
	hsmtest.WantError(t, err, hsm.Misconfigured, "empty")
	_, err = Open(t.Context(), uri(s, "customers", "client-id", azurefake.Client, "credential", "workload"))
	hsmtest.WantError(t, err, hsm.Misconfigured)
	_, err = Open(t.Context(), uri(s, "customers", "client-id", azurefake.Tenant, "credential", "managed"))
	hsmtest.WantError(t, err, hsm.Misconfigured, "invalid_request", "managed identity")
	t.Setenv("AZURE_AUTHORITY_HOST", "http://login.example")
	_, err = Open(t.Context(), uri(s, "customers", "client-id", azurefake.Client))
	hsmtest.WantError(t, err, hsm.Misconfigured, "https")
}

// TestTokenRenewed: a token that is refused is fetched anew, once, from files that rotate.
func TestTokenRenewed(t *testing.T) {
	s := startFake(t)
	file := secretFile(t, "first")
	s.SetSecret("first")
	p := mustOpen(t, uri(s, "customers", "tenant-id", azurefake.Tenant, "client-id", azurefake.Client, "client-secret-file", file))
	wrapped := hsmtest.Wrap(t, p)
	s.RevokeTokens()
	s.SetSecret("second")
	if err := os.WriteFile(file, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := hsmtest.Unwrap(t, p, wrapped); err != nil {
		t.Fatal(err)
	}
	s.RevokeTokens()
	s.SetSecret("third")
	s.Requests()
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Denied, "Unauthorized")
	if log := s.Requests(); len(log) != 2 {
		t.Errorf("%d requests, want one with the old token and one for a new one", len(log))
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	p.client.credential.token = ""
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unavailable, "secret")
}

func TestLifetime(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, tt := range []struct {
		answer tokenAnswer
		want   time.Duration
		ok     bool
	}{
		{tokenAnswer{"t", []byte("3599"), nil}, 3599 * time.Second, true},
		{tokenAnswer{"t", []byte(`"86399"`), []byte(`"1"`)}, 86399 * time.Second, true},
		{tokenAnswer{"t", nil, []byte(`"1700000060"`)}, time.Minute, true},
		{tokenAnswer{"t", nil, nil}, 0, false},
		{tokenAnswer{"t", nil, []byte("1")}, 0, false},
		{tokenAnswer{"", []byte("3599"), nil}, 0, false},
		{tokenAnswer{"a\nb", []byte("3599"), nil}, 0, false},
	} {
		if got, err := tt.answer.lifetime(now); (err == nil) != tt.ok || got != tt.want {
			t.Errorf("%s: %v, %v", tt.answer.In, got, err)
		}
	}
}
