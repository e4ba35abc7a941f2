package main

import (
	"net/http"
	"strings"
	"testing"
)

// spellingsPolicy protects by host, by method and by path, and skips the rest:
// what Envoy takes for the rest goes to the upstream unread.
const spellingsPolicy = `version: 1
listen: unix://${STACK_DIR}/ext_proc.sock
admin: unix://${STACK_DIR}/admin.sock
metrics: none
keys: {main: {kek: "local:kek"}}
tags: {pii: {key: main}}
routes:
  - name: host
    match: {hosts: [api.example.com], path: /**}
    request: {seal: {$..secret: pii}}
  - name: method
    match: {methods: [POST, PUT], path: /posted/**}
    request: {seal: {$..secret: pii}}
  - name: path
    match: {path: "/users/@me/**"}
    request: {seal: {$..secret: pii}, ignore_case: true}
    response: {seal: {$..secret: pii}, envelopes: data} # the upstream echoes
  - name: rest
    match: {path: /**}
    skip: true
`

// However a client spells a request that the policy protects, its value does
// not arrive in clear: it is sealed, or the request is refused.
func TestSpellingsAreNoWayAround(t *testing.T) {
	s := newStack(t, stackOptions{policy: spellingsPolicy})
	plain := new(http.Protocols)
	plain.SetUnencryptedHTTP2(true)
	h2 := &http.Transport{Protocols: plain, DisableCompression: true}
	t.Cleanup(h2.CloseIdleConnections)
	name := "secret"
	send := func(via *http.Transport, method, host, path, kind string, want ...int) {
		t.Helper()
		body := `[{"` + name + `":"` + canary + `"}]`
		if want[0] == http.StatusUnsupportedMediaType {
			body = `[{"op":"add","path":"/secret","value":"` + canary + `"}]`
		}
		req := s.request(method, path, strings.NewReader(body))
		req.Header.Set("Content-Type", kind)
		if host != "" {
			req.Host = host
		}
		resp, err := via.RoundTrip(req)
		if err != nil {
			t.Errorf("%s %s %s: %v", method, host, path, err)
			return
		}
		_ = resp.Body.Close()
		for _, w := range want {
			if resp.StatusCode == w {
				return
			}
		}
		t.Errorf("%s %s %s: %s, want %v", method, host, path, resp.Status, want)
	}
	for _, host := range []string{"api.example.com.", "API.Example.com", "api.example.com:", "api.example.com.:443"} {
		send(edge, "POST", host, "/x", "application/json", 200)
	}
	for _, host := range []string{"api.example.com,b", "[api.example.com]", "api.example.com:8x"} {
		send(edge, "POST", host, "/x", "application/json", 400)
	}
	for _, method := range []string{"post", "Put"} {
		send(h2, method, "", "/posted/1", "application/json", 200)
	}
	for _, path := range []string{"/users/%40me", "/users/@me/", "/Users/@ME/1", "/users/@me/a%2Cb"} {
		send(edge, "POST", "", path, "application/json", 200)
	}
	for _, path := range []string{"/users/@me%20", "/users;a/@me", "/users/%2540me"} {
		send(edge, "POST", "", path, "application/json", 400)
	}
	send(edge, "PATCH", "", "/users/@me", "application/json-patch+json", 415)
	send(edge, "PATCH", "", "/users/@me", "application/scim+json", 415)
	send(edge, "PATCH", "", "/users/@me", "application/json", 415) // by its shape
	send(edge, "POST", "", "/users/@me", "text/json", 200)
	name = `SECRET`
	send(edge, "POST", "", "/users/@me", "application/json", 200)
	name = `secret\u0000`
	send(edge, "POST", "", "/users/@me", "application/json", 400)
	if strings.Contains(s.upstream.everything(), canary) {
		t.Error("a value reached the upstream in clear")
	}
}

// A response is sealed however the request for it was spelled.
func TestSpellingsOfARequestForASealedResponse(t *testing.T) {
	s := newStack(t, stackOptions{policy: spellingsPolicy, handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"secret":"` + canary + `"}`))
	}})
	for _, path := range []string{"/users/@me", "/users/%40me", "/USERS/%40Me/1"} {
		if got := s.do(http.MethodGet, path, ""); got.status != http.StatusOK || !strings.Contains(got.body, "sm1.") || strings.Contains(got.body, canary) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

// Headers that give another method or path than the request line do not reach
// the upstream.
func TestOverridesDoNotReachTheUpstream(t *testing.T) {
	s := newStack(t, stackOptions{policy: spellingsPolicy})
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override", "X-Original-URL", "X-Rewrite-URL", "content_encoding"} {
		if got := s.do(http.MethodPost, "/free", `{}`, name, "marker"); got.status != http.StatusOK {
			t.Errorf("%s: %d", name, got.status)
		}
		for key, values := range s.upstream.last(t).header {
			if strings.Contains(strings.Join(values, ","), "marker") {
				t.Errorf("%s arrived as %s", name, key)
			}
		}
	}
}
