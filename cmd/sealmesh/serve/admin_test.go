package serve

import (
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc/health"
)

// ask sends one request to the admin endpoint of r, which is ready.
func ask(t *testing.T, r *reloader, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r.admin(t.Context(), health.NewServer(), nil).Handler(true).ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// see checks whether what the admin endpoint of r shows at path contains want.
func see(t *testing.T, r *reloader, path, want string, is bool) {
	t.Helper()
	if body := ask(t, r, "GET", path).Body; strings.Contains(body.String(), want) != is {
		t.Errorf("%s: %q is %t: %s", path, want, !is, body)
	}
}
