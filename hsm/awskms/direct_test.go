package awskms

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// direct carries requests to a fake KMS without a network, so that a synctest
// bubble's clock can run.
type direct struct{ *kmsfake.Server }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// openDirect opens arn at s without a network.
func openDirect(t *testing.T, s *kmsfake.Server, arn, options string) *Provider {
	t.Helper()
	set, err := parseURI("awskms:///" + arn + "?endpoint=http://127.0.0.1:1" + options)
	if err != nil {
		t.Fatal(err)
	}
	p, err := open(t.Context(), set, direct{s})
	if err != nil {
		t.Fatal(err)
	}
	s.Forget()
	return p
}
