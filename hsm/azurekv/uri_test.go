package azurekv

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func TestURI(t *testing.T) {
	for _, tt := range []struct{ uri, host, resource, name string }{
		{"azurekv://contoso.vault.azure.net/keys/customers", "contoso.vault.azure.net", "https://vault.azure.net", "customers"},
		{"azurekv://my-hsm.managedhsm.azure.net/keys/K-1?credential=workload&timeout=500ms", "my-hsm.managedhsm.azure.net", "https://managedhsm.azure.net", "K-1"},
		{"azurekv://contoso.vault.usgovcloudapi.net/keys/k?credential=secret&client-secret-file=/run/s", "contoso.vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net", "k"},
		{"azurekv://contoso.vault.azure.cn/keys/k?endpoint=http://127.0.0.1:8080", "contoso.vault.azure.cn", "https://vault.azure.cn", "k"},
	} {
		s, err := parseURI(tt.uri)
		if err != nil || s.host != tt.host || s.resource != tt.resource || s.name != tt.name {
			t.Errorf("%s: %+v, %v", tt.uri, s, err)
		}
	}
}

func TestURIRefuses(t *testing.T) {
	const base = "azurekv://contoso.vault.azure.net/keys/customers"
	for _, tt := range []struct{ uri, text string }{
		{"", "URI"}, {"azurekv:contoso", "URI"}, {"https://contoso.vault.azure.net/keys/k", "URI"},
		{"azurekv://contoso.vault.azure.net.evil.example/keys/k", "URI"}, {"azurekv://contoso.evil.net/keys/k", "URI"},
		{"azurekv://a.b.vault.azure.net/keys/k", "URI"}, {"azurekv://user:canary@contoso.vault.azure.net/keys/k", "URI"},
		{"azurekv://contoso.vault.azure.net:8443/keys/k", "URI"}, {"azurekv://contoso.vault.azure.net/secrets/k", "URI"},
		{base + "/0123456789abcdef0123456789abcdef", "version"}, {base + "/", "URI"}, {base + "#x", "URI"}, {base + "%2fx", "URI"},
		{"azurekv://contoso.vault.azure.net/keys/k_1", "URI"}, {"azurekv://contoso.vault.azure.net/keys/..", "URI"},
		{base + "?client-secret=canary", "not written in a URI"}, {base + "?nonsense=canary", "unknown option"},
		{base + "?credential=cli", "credential"}, {base + "?tenant-id=common", "tenant-id"}, {base + "?client-id=x/../y", "client-id"},
		{base + "?client-secret-file=relative", "client-secret-file"}, {base + "?client-certificate-file=relative", "client-certificate-file"}, {base + "?timeout=2h", "timeout"}, {base + "?timeout=", "empty"},
		{base + "?timeout=1s&timeout=2s", "twice"}, {base + "?endpoint=https://vault.example", "endpoint"}, {base + "?endpoint=http://127.0.0.1/x", "endpoint"},
		{base + "?a;b", "name=value"},
	} {
		_, err := parseURI(tt.uri)
		if e := hsmtest.WantError(t, err, hsm.Misconfigured, tt.text); strings.Contains(e.Error(), "canary") {
			t.Errorf("%s: %q repeats a secret", tt.uri, e)
		}
	}
}

// FuzzURI: whatever parses names a vault of Azure's, and one key in it.
func FuzzURI(f *testing.F) {
	f.Add("azurekv://contoso.vault.azure.net/keys/customers?timeout=1s&credential=managed")
	f.Add("azurekv://contoso.managedhsm.azure.net/keys/k?endpoint=http://[::1]:80")
	f.Add("azurekv://a.vault.azure.net@evil/keys/k")
	f.Fuzz(func(t *testing.T, uri string) {
		s, err := parseURI(uri)
		if err != nil {
			if hsm.ClassOf(err) != hsm.Misconfigured {
				t.Fatal(err)
			}
			return
		}
		if !strings.HasPrefix(uri, "azurekv://"+s.host+"/keys/"+s.name) || strings.ContainsAny(s.name, "/.%") || s.endpoint != nil && !hsm.IsLoopback(s.endpoint.Hostname()) {
			t.Fatalf("%q names %+v", uri, s)
		}
	})
}
