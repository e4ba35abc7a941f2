package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
)

const placesPolicy = `version: 1
listen: unix://${STACK_DIR}/ext_proc.sock
admin: unix://${STACK_DIR}/admin.sock
metrics: none
keys:
  main: {kek: "local:kek"}
tags:
  pii: {key: main}
routes:
  - name: seal
    match: {path: "/customers/{ssn}/orders"}
    request:
      query: {seal: {ssn: pii}}
      path: {seal: {ssn: pii}}
      headers: {seal: {x-ssn: pii}}
      cookies: {seal: {ssn: pii}}
    response:
      headers: {open: {x-ssn: pii}}
      cookies: {open: {ssn: pii}}
  - name: unread
    match: {path: "/unread/{ssn}"}
    request: {envelopes: data, path: {seal: {ssn: pii}}, headers: {seal: {x-ssn: pii}}}
  - name: open
    match: {path: "/open/{ssn}"}
    request: {path: {open: {ssn: pii}}, query: {open: {ssn: pii}}}
  - name: free
    match: {path: /**}
    skip: true
`

// Through a real Envoy: a request without a body reaches the service with its
// path, query, headers and cookies sealed, on the route that its path named, and the
// response's headers and cookies open.
func TestEnvoyPlaces(t *testing.T) {
	for name, o := range map[string]bootstrap.Options{"duplex": {}, "buffered": {Buffered: true}} {
		t.Run(name, func(t *testing.T) {
			var uri string
			s := newStack(t, stackOptions{policy: placesPolicy, bootstrap: o, handler: func(w http.ResponseWriter, r *http.Request) {
				uri = r.RequestURI
				w.Header()["X-Ssn"] = r.Header.Values("X-Ssn")
				w.Header()["Set-Cookie"] = []string{"first=1; Path=/"}
				if c, err := r.Cookie("ssn"); err == nil {
					w.Header()["Set-Cookie"] = append(w.Header()["Set-Cookie"], "ssn="+c.Value+"; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT", "last=1")
				}
				if r.Method == http.MethodDelete {
					w.WriteHeader(http.StatusNoContent)
				}
			}})
			for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPost} {
				body := ""
				if method == http.MethodPost {
					body = `{"a": 1}`
				}
				req := s.request(method, "/customers/"+canary+"/orders?page=2&ssn="+canary+"&b", strings.NewReader(body))
				req.Header["X-Ssn"] = []string{canary, "two " + canary}
				req.Header.Set("Cookie", "a=b; ssn="+canary+"; c=d")
				got := s.send(req)
				if got.err != nil || got.status/100 != 2 {
					t.Fatalf("%s: %v %d %s", method, got.err, got.status, got.body)
				}
				seen := s.upstream.last(t)
				if rest, ok := strings.CutPrefix(uri, "/customers/sm1."); !ok || !strings.Contains(rest, "/orders?page=2&ssn=sm1.") || !strings.HasSuffix(rest, "&b") || strings.Contains(uri, canary) {
					t.Errorf("%s: the path reached the service as %s", method, uri)
				}
				if ssn := seen.header.Values("X-Ssn"); len(ssn) != 2 || !strings.HasPrefix(ssn[0], "sm1.") || !strings.HasPrefix(ssn[1], "sm1.") {
					t.Errorf("%s: the header reached the service as %v", method, ssn)
				}
				if c := seen.header.Get("Cookie"); !strings.HasPrefix(c, "a=b; ssn=sm1.") || !strings.HasSuffix(c, "; c=d") || strings.Contains(c, canary) || seen.body != body {
					t.Errorf("%s: the cookie reached the service as %s, the body as %s", method, c, seen.body)
				}
				cookies := []string{"first=1; Path=/", "ssn=" + canary + "; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT", "last=1"}
				if !slices.Equal(got.header.Values("X-Ssn"), []string{canary, "two " + canary}) || !slices.Equal(got.header.Values("Set-Cookie"), cookies) {
					t.Errorf("%s: the response is %v", method, got.header)
				}
			}
			// A body that nothing reads passes; the path back opens.
			if got := s.do(http.MethodPost, "/unread/"+canary, "\x00any", "X-Ssn", canary, "Content-Type", "application/x-any"); got.err != nil || got.status != http.StatusOK {
				t.Fatalf("%v %d %s", got.err, got.status, got.body)
			}
			seen := s.upstream.last(t)
			sealed, _ := strings.CutPrefix(seen.path, "/unread/")
			if !strings.HasPrefix(sealed, "sm1.") || seen.body != "\x00any" || !strings.HasPrefix(seen.header.Get("X-Ssn"), "sm1.") {
				t.Errorf("the service got %s %v %q", seen.path, seen.header, seen.body)
			}
			if got := s.do(http.MethodGet, "/open/"+sealed+"?a=%20&ssn="+sealed, ""); got.err != nil || got.status != http.StatusOK || uri != "/open/"+canary+"?a=%20&ssn="+canary {
				t.Errorf("%v %d %s: the service got %s", got.err, got.status, got.body, uri)
			}
			for path, code := range map[string]string{"/customers/a;b/orders": "path_ambiguous", "/customers/" + sealed + "/orders": "envelope_unexpected", "/open/clear": "value_not_sealed", "/customers/1/orders?ssn=1;a=2": "place_ambiguous"} {
				if got := s.do(http.MethodGet, path, ""); got.err != nil || got.status/100 != 4 || !strings.Contains(got.body, code) {
					t.Errorf("%s: %v %d %s", path, got.err, got.status, got.body)
				}
			}
		})
	}
}
