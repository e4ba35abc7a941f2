package main

import (
	"net/http"
	"strings"
	"testing"
)

// Through a real Envoy, no header turns a request of a skipped route into one of a route
// with rules at a server that obeys it, nor one record into another: Envoy removes them
// where it leaves sealmesh out, and sealmesh where it does not.
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
