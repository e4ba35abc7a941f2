// Package guardtest holds what the fakes of services share, and what their
// tests share.
package guardtest

import (
	"io"
	"net/http"
	"net/http/httptest"
)

// A Fault replaces one real answer.
type Fault struct {
	Status int // 0 closes the connection
	Body   string
	Header map[string]string
	Echo   bool                 // the body is what was sent, as no server should
	Tamper func(map[string]any) // the answer is the real one, after this, where the fake can do so
}

// Serve answers the request whose body was sent with f.
func (f Fault) Serve(w http.ResponseWriter, sent []byte) {
	if f.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(f.Status)
	if f.Echo {
		f.Body = string(sent)
	}
	_, _ = io.WriteString(w, f.Body)
}

// Direct calls a server without a network, so that back-offs can run in virtual
// time.
type Direct struct{ http.Handler }

// RoundTrip implements [http.RoundTripper].
func (d Direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r = r.Clone(r.Context())
		r.Body = http.NoBody
	}
	d.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, r.Body.Close()
}
