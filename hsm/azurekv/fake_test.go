package azurekv

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/azurekv/azurefake"
	"github.com/sealmesh/sealmesh/hsm/rest/resttest"
)

// startFake starts a fake that holds one key, as the metadata service of this
// "machine". It keeps the environment of whoever runs the tests out of them.
func startFake(t *testing.T) *azurefake.Server {
	t.Helper()
	s := azurefake.Start()
	t.Cleanup(s.Close)
	s.CreateKey("customers", azurefake.Key{})
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"} {
		t.Setenv(name, "")
	}
	t.Setenv("AZURE_AUTHORITY_HOST", s.URL())
	t.Setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", s.URL())
	return s
}

func uri(s *azurefake.Server, key string, options ...string) string {
	q := url.Values{"endpoint": {s.URL()}}
	for i := 0; i < len(options); i += 2 {
		q.Set(options[i], options[i+1])
	}
	return "azurekv://" + azurefake.Host + "/keys/" + key + "?" + q.Encode()
}

func inProcess(s *azurefake.Server, p *Provider) *Provider {
	p.client.http = &http.Client{Transport: resttest.Direct{Handler: s}, CheckRedirect: p.client.http.CheckRedirect}
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
