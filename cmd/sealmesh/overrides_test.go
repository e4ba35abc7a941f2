package main

import (
	"net/http"
	"strings"
	"testing"
)

// Through a real Envoy, no header turns a request of a skipped route into one
// of a route with rules at a server that obeys it, nor one record into another:
// Envoy removes them where it leaves sealmesh out, and sealmesh where it does
// not.
func TestEnvoyOverrides(t *testing.T) {
	policy := strings.Replace(testPolicy, "match: {path: /seal/**}", "match: {hosts: [127.0.0.1], methods: [POST], path: /seal/**}", 1)
	s := newStack(t, stackOptions{policy: policy})
	headers := []string{"X-Original-URL", "/seal/x", "X-Rewrite-URL", "/seal/x", "X-Forwarded-Host", "evil.example", "Forwarded", "for=1.2.3.4;host=evil.example",
		"X-HTTP-Method-Override", "PUT", "X-Script-Name", "/free", "X-Host", "evil.example"}
	for _, path := range []string{"/seal/x", "/free/x"} {
		if got := s.do(http.MethodPost, path, `{"secret":"`+canary+`"}`, append(headers, "X-Forwarded-Prefix", "/app")...); got.status != http.StatusOK {
			t.Fatalf("%s: %v %d %s", path, got.err, got.status, got.body)
		}
		seen := s.upstream.last(t)
		for i := 0; i < len(headers); i += 2 {
			if v := seen.header.Get(headers[i]); v != "" {
				t.Errorf("%s: the upstream got %s: %s", path, headers[i], v)
			}
		}
		if seen.header.Get("X-Forwarded-Prefix") != "/app" {
			t.Errorf("%s: X-Forwarded-Prefix is gone", path)
		}
		got := s.do(http.MethodPost, path+"?%5Fmethod=PUT", `{"secret":"`+canary+`"}`)
		if path == "/seal/x" && (got.status != http.StatusBadRequest || !strings.Contains(got.body, "path_ambiguous")) {
			t.Errorf("%s: _method in the query: %v %d %s", path, got.err, got.status, got.body)
		}
	}
}

// Nor does a trailer, where Envoy shows them.
func TestEnvoyTrailersOverrideNothing(t *testing.T) {
	service := startPlain(t)
	s := newStack(t, stackOptions{mutate: service.toService})
	got, client := service.ask(t, strings.TrimPrefix(s.envoy.URL, "http://"), "POST /seal/x HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"+
		"2\r\n{}\r\n0\r\nX-Sum: 1\r\nX-Original-URL: /y\r\nContent-Type: text/plain\r\nContent-Digest: a\r\n\r\n", plainOK)
	if len(got) == 0 {
		t.Fatalf("%q", client)
	}
	var trailers []string
	for _, line := range got {
		if name, ok := strings.CutPrefix(line, "trailer "); ok {
			trailers = append(trailers, name)
		}
	}
	if strings.Join(trailers, " ") != "x-sum: 1" {
		t.Errorf("trailers that reached the upstream: %q", trailers)
	}
}
