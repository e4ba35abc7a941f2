package azurekv

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/azurekv/azurefake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
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

// direct calls a server without a network, so that the time of back-offs can be virtual.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), r.Body.Close()
}

func inProcess(s *azurefake.Server, p *Provider) *Provider {
	p.client.http = &http.Client{Transport: direct{s}, CheckRedirect: p.client.http.CheckRedirect}
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

// wantError checks err's class and that its text holds every one of the texts.
func wantError(t *testing.T, err error, class hsm.Class, texts ...string) *hsm.Error {
	t.Helper()
	e, ok := errors.AsType[*hsm.Error](err)
	if !ok || e.Class != class {
		t.Fatalf("got %v, want an error of class %v", err, class)
	}
	for _, text := range texts {
		if !strings.Contains(e.Error(), text) {
			t.Errorf("%q does not say %q", e, text)
		}
	}
	return e
}

func wrapOne(t *testing.T, p hsm.Provider) []byte {
	t.Helper()
	key, wrapped, err := p.GenerateDataKey(t.Context(), hsmtest.Context(t, "service", "customers"))
	if err != nil {
		t.Fatal(err)
	}
	key.Destroy()
	return wrapped
}

func unwrapOne(t *testing.T, p hsm.Provider, wrapped []byte) error {
	t.Helper()
	key, err := p.UnwrapDataKey(t.Context(), wrapped, hsmtest.Context(t, "service", "customers"))
	if err == nil {
		key.Destroy()
	}
	return err
}
