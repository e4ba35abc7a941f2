package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Over HTTP/2, bodies may end by trailers, and what has a status only has none.
func TestEnvoyTrailers(t *testing.T) {
	s := newStack(t, stackOptions{h2c: true, handler: func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		switch {
		case strings.HasSuffix(r.URL.Path, "/status-only"):
			h.Set("Content-Type", "application/grpc")
			h.Set("Grpc-Status", "5")
			w.WriteHeader(http.StatusOK)
		case strings.HasSuffix(r.URL.Path, "/cut"):
			h.Set("Content-Type", "application/json")
			h.Set("Trailer", "X-End")
			_, _ = io.WriteString(w, `{"secret": "sm1.`)
			h.Set("X-End", "yes")
		default:
			h.Set("Content-Type", "application/json")
			h.Set("Trailer", "X-End")
			_, _ = io.Copy(w, r.Body)
			h.Set("X-End", "yes")
		}
	}})
	for _, path := range []string{"/buffered/x", "/streamed/x"} {
		t.Run(path, func(t *testing.T) {
			const body = `{"secret": "` + canary + `", "n": [1, 2]}`
			req := s.request(http.MethodPost, path, struct{ io.Reader }{strings.NewReader(body)})
			req.Trailer = http.Header{"X-Start": {"yes"}}
			resp, err := edge.RoundTrip(req)
			must(t, err)
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			must(t, err)
			if string(got) != body {
				t.Errorf("status %d: %s", resp.StatusCode, got)
			}
			if up := s.upstream.last(t); strings.Contains(up.body, canary) || !strings.Contains(up.body, "sm1.") {
				t.Errorf("the upstream got %s", up.body)
			}
		})
		t.Run(path+" cut short by trailers", func(t *testing.T) {
			s.sawError(t, s.do(http.MethodPost, strings.TrimSuffix(path, "x")+"cut", `{}`))
		})
		t.Run(path+" gRPC status only", func(t *testing.T) {
			got := s.do(http.MethodPost, strings.TrimSuffix(path, "x")+"status-only", `{}`)
			if got.err != nil || got.status != http.StatusOK || got.header.Get("Grpc-Status") != "5" {
				t.Errorf("%v, %d %v", got.err, got.status, got.header)
			}
		})
	}
	t.Run("a gRPC request is refused as gRPC", func(t *testing.T) {
		got := s.do(http.MethodPost, "/buffered/x", "\x00\x00\x00\x00\x00", "Content-Type", "application/grpc", "TE", "trailers")
		if got.header.Get("Grpc-Status") != "12" { // UNIMPLEMENTED
			t.Errorf("%v, %d %v %s", got.err, got.status, got.header, got.body)
		}
	})
}

// overH2C serves h over HTTP/2 in clear, as a gRPC upstream would.
func overH2C(h http.Handler) *httptest.Server {
	srv := httptest.NewUnstartedServer(h)
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	return srv
}
