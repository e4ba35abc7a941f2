package main

import (
	"net/http"
	"strings"
	"testing"
)

// Through a real Envoy: a service that hands an envelope of one customer to
// another, or was made to store a stolen one, gives nothing away; the log and
// the key use say so.
func TestEnvoyBoundToRecord(t *testing.T) {
	policy := strings.NewReplacer("  pii: {key: main}", "  pii: {key: main, context_from: {customer: path.id}}",
		"path: /buffered/**", `path: "/buffered/{id}/**"`, "path: /streamed/**", `path: "/streamed/{id}"`).Replace(testPolicy)
	for _, rest := range []string{"streamed-seal", "seal-only", "open-only", "open-request", "seal-response"} {
		policy = strings.Replace(policy, "name: "+rest+"\n    match: {path: /"+strings.TrimSuffix(rest, "-only")+"/**}", "name: "+rest+"\n    match: {path: \"/"+rest+"/{id}\"}", 1)
	}
	var stored string
	s := newStack(t, stackOptions{policy: policy, handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(stored))
	}})
	for _, mode := range []string{"/buffered/", "/streamed/"} {
		stored = "{}"
		if got := s.do(http.MethodPost, mode+"1", `{"secret":"`+canary+`"}`); got.status != http.StatusOK {
			t.Fatalf("%v %d %s", got.err, got.status, got.body)
		}
		if stored = s.upstream.last(t).body; !strings.Contains(stored, "sm1.") {
			t.Fatalf("not sealed: %s", stored)
		}
		if got := s.do(http.MethodGet, mode+"1?x=2", ""); got.status != http.StatusOK || got.body != `{"secret":"`+canary+`"}` {
			t.Errorf("%sits own record: %v %d %s", mode, got.err, got.status, got.body)
		}
		got := s.do(http.MethodGet, mode+"2", "")
		if got.err == nil && got.status < 500 || strings.Contains(got.body, canary) {
			t.Errorf("%sanother record: %v %d %s", mode, got.err, got.status, got.body)
		}
		if got := s.do(http.MethodPost, mode+"1;x=2", `{"secret":"`+canary+`"}`); got.status != http.StatusBadRequest || !strings.Contains(got.body, "path_ambiguous") {
			t.Errorf("%sparameters of a segment: %v %d %s", mode, got.err, got.status, got.body)
		}
	}
	s.logged("value_not_opened", 2)
}
