package azurekv

import (
	"net/url"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/azurekv/azurefake"
	"github.com/sealmesh/sealmesh/hsm/guard"
	"github.com/sealmesh/sealmesh/hsm/guard/guardtest"
)

// startFake starts a fake that holds one key, as the metadata service of this
// "machine". It keeps the environment of whoever runs the tests out of them.
func startFake(t *testing.T) *azurefake.Server {
	t.Helper()
	s := azurefake.Start()
	t.Cleanup(s.Close)
	s.CreateKey("customers", azurefake.Key{})
	for _, name := range []string{
		"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD",
		"AZURE_AUTHORITY_HOST", "AZURE_REGIONAL_AUTHORITY_NAME", "MSAL_FORCE_REGION", "AZURE_SDK_GO_LOGGING", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "IMDS_ENDPOINT",
	} {
		t.Setenv(name, "")
	}
	return s
}

func uri(s *azurefake.Server, key string, options ...string) string {
	q := url.Values{"endpoint": {s.URL()}}
	for i := 0; i < len(options); i += 2 {
		q.Set(options[i], options[i+1])
	}
	return "azurekv://" + azurefake.Host + "/keys/" + key + "?" + q.Encode()
}

// inProcess has p ask s without a network.
func inProcess(s *azurefake.Server, p *Provider) *Provider {
	p.client.http.Transport = guard.Limit(guardtest.Direct{Handler: s})
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
