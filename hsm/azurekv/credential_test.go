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

const (
	imdsPath  = "/metadata/identity/oauth2/token"
	loginPath = "/" + azurefake.Tenant + "/oauth2/v2.0/token"
)

// logins returns where tokens were asked for.
func logins(s *azurefake.Server) (paths []string) {
	for _, r := range s.Requests() {
		if !strings.HasPrefix(r.Path, "/keys/") && !strings.HasSuffix(r.Path, "/openid-configuration") {
			paths = append(paths, r.Path)
		}
	}
	return paths
}

// TestCredentials: each way to log in, by the environment and by the URI, and
// which of them is taken where nothing says.
func TestCredentials(t *testing.T) {
	ids := func(more ...string) map[string]string {
		env := map[string]string{"AZURE_TENANT_ID": azurefake.Tenant, "AZURE_CLIENT_ID": azurefake.Client}
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	own := []string{"tenant-id", azurefake.Tenant, "client-id", azurefake.Client}
	tests := []struct {
		name    string
		env     map[string]string // a value "file:x" is the name of a file that holds x
		options []string
		path    string
	}{
		{name: "machine", path: imdsPath},
		{name: "machine, user-assigned", options: []string{"client-id", azurefake.Client}, path: imdsPath},
		{name: "app", env: map[string]string{"IDENTITY_ENDPOINT": "http://169.254.130.2:8081/msi/token", "IDENTITY_HEADER": "the header"}, path: "/msi/token"},
		{name: "workload", env: ids("AZURE_FEDERATED_TOKEN_FILE", "file:s3cret", "AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"), path: loginPath},
		{name: "workload before secret", env: ids("AZURE_FEDERATED_TOKEN_FILE", "file:s3cret", "AZURE_CLIENT_SECRET", "other"), path: loginPath},
		{name: "secret", env: ids("AZURE_CLIENT_SECRET", "s3cret"), path: loginPath},
		{name: "secret file", options: append([]string{"client-secret-file", "file:s3cret"}, own...), path: loginPath},
		{name: "certificate", env: ids("AZURE_CLIENT_CERTIFICATE_PATH", "certificate"), path: loginPath},
		{name: "certificate file", options: append([]string{"client-certificate-file", "certificate"}, own...), path: loginPath},
		{name: "managed though a secret is there", env: map[string]string{"AZURE_CLIENT_SECRET": "s3cret"}, options: []string{"credential", "managed"}, path: imdsPath},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startFake(t)
			s.SetSecret("s3cret")
			named := func(value string) string {
				if value == "certificate" {
					return secretFile(t, string(s.SetCertificate()))
				}
				if text, ok := strings.CutPrefix(value, "file:"); ok {
					return secretFile(t, text)
				}
				return value
			}
			for name, value := range tt.env {
				t.Setenv(name, named(value))
			}
			for i := range tt.options {
				tt.options[i] = named(tt.options[i])
			}
			p := mustOpen(t, uri(s, "customers", tt.options...))
			if err := hsmtest.Unwrap(t, p, hsmtest.Wrap(t, p)); err != nil {
				t.Error(err)
			}
			if paths := logins(s); len(paths) != 1 || paths[0] != tt.path {
				t.Errorf("logged in at %q, want %q once", paths, tt.path)
			}
		})
	}
}

// TestDeveloperCredentials: a program is run only where the URI names it, and
// never because the environment does.
func TestDeveloperCredentials(t *testing.T) {
	s := startFake(t)
	bin := t.TempDir()
	ran := filepath.Join(bin, "ran")
	script := "#!/bin/sh\n: > " + ran + "\necho '{\"accessToken\":\"" + s.Token() + "\",\"expires_on\":" + strings.Repeat("9", 10) + ",\"expiresOn\":\"2099-01-01 00:00:00.000000\"}'\n"
	if err := os.WriteFile(filepath.Join(bin, "az"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "dev")
	s.FailLogin(azurefake.Fault{Status: 404}, azurefake.Fault{Status: 404}, azurefake.Fault{Status: 404})
	if _, err := Open(t.Context(), uri(s, "customers")); err == nil {
		t.Error("opened without an identity")
	}
	if _, err := os.Stat(ran); err == nil {
		t.Fatal("the environment had a program run")
	}
	s.Requests()
	p := mustOpen(t, uri(s, "customers", "credential", "azure-cli"))
	if err := hsmtest.Unwrap(t, p, hsmtest.Wrap(t, p)); err != nil {
		t.Error(err)
	}
	if paths := logins(s); len(paths) != 0 {
		t.Errorf("logged in at %q, too", paths)
	}
}

// TestCredentialRefused: at the start a refused identity and a missing one are
// the operator's, and no error shows what was sent or answered.
func TestCredentialRefused(t *testing.T) {
	s := startFake(t)
	s.SetSecret("right")
	t.Setenv("AZURE_TENANT_ID", azurefake.Tenant)
	t.Setenv("AZURE_CLIENT_ID", azurefake.Client)
	t.Setenv("AZURE_CLIENT_SECRET", "canary")
	_, err := Open(t.Context(), uri(s, "customers"))
	if e := hsmtest.WantError(t, err, hsm.Misconfigured, "invalid_client", "expired"); strings.Contains(e.Error(), "canary") || strings.Contains(e.Error(), "AADSTS") {
		t.Errorf("%q shows the secret", e)
	}
	t.Setenv("AZURE_CLIENT_ID", "")
	_, err = Open(t.Context(), uri(s, "customers"))
	hsmtest.WantError(t, err, hsm.Misconfigured, "AZURE_CLIENT_ID")
	own := func(more ...string) string {
		return uri(s, "customers", append(more, "client-id", azurefake.Client)...)
	}
	_, err = Open(t.Context(), own("client-secret-file", secretFile(t, "")))
	hsmtest.WantError(t, err, hsm.Misconfigured, "empty")
	_, err = Open(t.Context(), own("client-certificate-file", secretFile(t, "canary")))
	if e := hsmtest.WantError(t, err, hsm.Misconfigured, "certificate"); strings.Contains(e.Error(), "canary") {
		t.Errorf("%q shows the file", e)
	}
	_, err = Open(t.Context(), own("credential", "workload"))
	hsmtest.WantError(t, err, hsm.Misconfigured, "AZURE_FEDERATED_TOKEN_FILE")
	_, err = Open(t.Context(), uri(s, "customers", "client-id", azurefake.Tenant, "credential", "managed"))
	hsmtest.WantError(t, err, hsm.Misconfigured, "invalid_request", "managed identity")
	_, err = Open(t.Context(), uri(s, "customers", "credential", "azure-developer-cli"))
	if e := hsmtest.WantError(t, err, hsm.Misconfigured); strings.Contains(e.Error(), "azd") {
		t.Errorf("%q is the SDK's own text", e)
	}
}

// TestEnvironment: what would divert tokens, or show answers, is refused by
// name.
func TestEnvironment(t *testing.T) {
	for _, tt := range []struct{ name, value string }{
		{"AZURE_AUTHORITY_HOST", "http://login.microsoftonline.com"},
		{"AZURE_AUTHORITY_HOST", "https://login.evil.example"},
		{"AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us"}, // another cloud than the vault's
		{"AZURE_AUTHORITY_HOST", "https://user@login.microsoftonline.com"},
		{"AZURE_REGIONAL_AUTHORITY_NAME", "evil.example/"},
		{"AZURE_REGIONAL_AUTHORITY_NAME", "TryAutoDetect"},
		{"MSAL_FORCE_REGION", "evil.example#"},
		{"IDENTITY_ENDPOINT", "https://evil.example/msi/token"},
		{"MSI_ENDPOINT", "http://203.0.113.9/"},
		{"IMDS_ENDPOINT", "http://evil.example"},
		{"AZURE_SDK_GO_LOGGING", "all"},
	} {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			s := startFake(t)
			t.Setenv(tt.name, tt.value)
			_, err := Open(t.Context(), uri(s, "customers"))
			hsmtest.WantError(t, err, hsm.Misconfigured, tt.name)
			if log := s.Requests(); len(log) != 0 {
				t.Errorf("%d requests went out", len(log))
			}
		})
	}
}

// TestTokenRenewed: a token that is refused is fetched again from files that
// rotate. An identity that then gets none is no denial of the KEK: nothing is
// evicted.
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
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unclear, "GetToken", "invalid_client")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unavailable, "secret")
}

// TestLoginVerdicts: the login service's faults by class, over the wire, where
// the KEK was good before.
func TestLoginVerdicts(t *testing.T) {
	for name, tt := range map[string]struct {
		fault azurefake.Fault
		class hsm.Class
	}{
		"refused":          {azurefake.Fault{Status: 401, Body: `{"error":"invalid_client","error_description":"canary"}`}, hsm.Unclear},
		"new code":         {azurefake.Fault{Status: 400, Body: `{"error":"canary"}`}, hsm.Unclear},
		"out":              {azurefake.Fault{Status: 503, Body: `{"error":"temporarily_unavailable"}`}, hsm.Unavailable},
		"out and refusing": {azurefake.Fault{Status: 500, Body: `{"error":"invalid_client"}`}, hsm.Unavailable},
		"throttled":        {azurefake.Fault{Status: 429}, hsm.Unavailable},
		"a proxy":          {azurefake.Fault{Status: 403, Body: "<html>canary</html>"}, hsm.Unavailable},
		"no answer":        {azurefake.Fault{}, hsm.Unavailable},
		"not a token":      {azurefake.Fault{Status: 200, Body: "canary"}, hsm.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := startFake(t)
			s.SetSecret("s3cret")
			t.Setenv("AZURE_CLIENT_SECRET", "s3cret")
			p := mustOpen(t, uri(s, "customers", "tenant-id", azurefake.Tenant, "client-id", azurefake.Client))
			wrapped := hsmtest.Wrap(t, p)
			s.RevokeTokens()
			s.Requests()
			for range 9 {
				s.FailLogin(tt.fault)
			}
			start := time.Now()
			err := hsmtest.Unwrap(t, p, wrapped)
			if e := hsmtest.WantError(t, err, tt.class, "GetToken"); strings.Contains(e.Error(), "canary") {
				t.Errorf("%q shows the answer", e)
			}
			if n := len(logins(s)); n > 3 || time.Since(start) > 5*time.Second {
				t.Errorf("%d requests for a token in %v", n, time.Since(start))
			}
		})
	}
}
