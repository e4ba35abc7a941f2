package transit

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func TestURI(t *testing.T) {
	tests := []struct {
		uri, host, mount, key string
	}{
		{"transit://vault.example:8200/transit/customers", "vault.example:8200", "transit", "customers"},
		{"transit://vault.example/teams/crm/transit/kek.v1_2-x", "vault.example", "teams/crm/transit", "kek.v1_2-x"},
		{"transit:///transit/customers", "", "transit", "customers"},
		{"transit://[::1]:8200/transit/k?namespace=a/b&token-file=/run/t&timeout=500ms&cluster=eu", "[::1]:8200", "transit", "k"},
		{"transit://v/transit/k?auth=kubernetes&role=sealmesh&auth-mount=clusters/eu&jwt-file=/t", "v", "transit", "k"},
		{"transit://v/transit/k?auth=approle&role=0f1e&secret-id-file=/t&ca-file=/c&cert-file=/a&key-file=/b&server-name=v.example", "v", "transit", "k"},
	}
	for _, tt := range tests {
		s, err := parseURI(tt.uri)
		if err != nil || s.host != tt.host || s.mount != tt.mount || s.key != tt.key {
			t.Errorf("%s: %+v, %v", tt.uri, s, err)
		}
	}
}

func TestURIRefuses(t *testing.T) {
	const base = "transit://vault.example/transit/customers"
	tests := []struct{ uri, text string }{
		{"", "begins with transit"},
		{"vault://h/transit/k", "begins with transit"},
		{"transit:transit/k", "begins with transit"},
		{base + "#x", "begins with transit"},
		{"transit://user:canary@h/transit/k", "no credentials"},
		{"transit://h", "name"},
		{"transit://h/", "name"},
		{"transit://h/transit", "mount"},
		{"transit://h/transit/", "name"},
		{"transit://h//k", "mount"},
		{"transit://h/a//b/k", "mount"},
		{"transit://h/../k", "mount"},
		{"transit://h/transit/..", "name"},
		{"transit://h/transit/k%2fl", "name"},
		{"transit://h/transit/k%20l", "name"},
		{"transit://h/tran sit/k", "mount"},
		{"transit://h/sys;x/k", "mount"},
		{base + "?", ""},
		{base + "?token=canary", "secrets are not written"},
		{base + "?secret-id=canary", "secrets are not written"},
		{base + "?nonsense=canary", "unknown option"},
		{base + "?timeout=1h", "timeout"},
		{base + "?timeout=canary", "timeout"},
		{base + "?timeout=1s&timeout=2s", "twice"},
		{base + "?namespace=", "empty"},
		{base + "?namespace=/a", "namespace"},
		{base + "?namespace=a/", "namespace"},
		{base + "?tls=on", "tls"},
		{base + "?tls=off", "https"},
		{base + "?token-file=relative", "token-file"},
		{base + "?auth=token", "auth"},
		{base + "?auth=approle&role=r", "secret-id-file"},
		{base + "?auth=kubernetes", "role"},
		{base + "?auth=kubernetes&role=r&secret-id-file=/x", "belong"},
		{base + "?auth=approle&role=r&secret-id-file=/x&jwt-file=/y", "belong"},
		{base + "?auth=cert&jwt-file=/x", "belong"},
		{base + "?auth=cert", "cert-file"},
		{base + "?auth=jwt&role=r", "jwt-file"},
		{base + "?auth=jwt&jwt-file=/x", "role"},
		{base + "?auth=kubernetes&role=r&token-file=/x", "exclude"},
		{base + "?role=r", "needs auth"},
		{base + "?cert-file=/x", "needs key-file"},
		{base + "?a;b", "name=value"},
		{"transit://h:port/transit/k", "URI"},
		{"transit://h:0/transit/k", "port"},
		{"transit://h:99999/transit/k", "port"},
	}
	isolate(t)
	t.Setenv("VAULT_TOKEN", "hvs.token")
	for _, tt := range tests {
		s, err := parseURI(tt.uri)
		if err == nil {
			_, err = s.provider(new(Logins))
		}
		if tt.text == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.uri, err)
			}
			continue
		}
		if e := hsmtest.WantError(t, err, hsm.Misconfigured, tt.text); strings.Contains(e.Error(), "canary") {
			t.Errorf("%s: %q repeats a secret", tt.uri, e)
		}
	}
}

// FuzzURI: whatever parses makes a request for the key that it names, and no
// other path.
func FuzzURI(f *testing.F) {
	f.Add("transit://vault.example:8200/transit/customers?namespace=a/b&timeout=1s")
	f.Add("transit:///a/b/c?auth=approle&role=r&secret-id-file=/s")
	f.Add("transit://h/../sys/seal")
	f.Add("transit://h/%2e%2e/k?tls=off")
	f.Fuzz(func(t *testing.T, uri string) {
		s, err := parseURI(uri)
		if err != nil {
			if hsm.ClassOf(err) != hsm.Misconfigured {
				t.Fatalf("%v", err)
			}
			return
		}
		p := &Provider{mount: s.mount, key: s.key}
		base := &url.URL{Scheme: "https", Host: "vault.example"}
		if got, want := base.JoinPath("v1", p.post("encrypt", nil).path).String(), "https://vault.example/v1/"+s.mount+"/encrypt/"+s.key; got != want {
			t.Fatalf("%q asks for %s, want %s", uri, got, want)
		}
	})
}
