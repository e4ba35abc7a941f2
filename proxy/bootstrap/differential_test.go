package bootstrap

import (
	"os"
	"regexp"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// splitPolicy tells requests apart by method, host and path, and skips the
// rest: whatever Envoy did not take for the same request as the policy would
// pass unread.
const splitPolicy = `version: 1
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - {name: host, match: {hosts: [api.example.com, "*.api.example.com", "[::1]"], path: /**}, request: {seal: {$..ssn: pii}}}
  - {name: method, match: {methods: [POST, PUT], path: /posted/**}, request: {seal: {$..ssn: pii}}}
  - {name: path, match: {path: /customers/**}, request: {seal: {$..ssn: pii}}}
  - {name: folded, match: {path: "/folded/{id}/x", ignore_case: true}, request: {seal: {$..ssn: pii}}}
  - {name: spelled, match: {path: "/users/@me/ä:b"}, request: {seal: {$..ssn: pii}}}
  - {name: public, match: {hosts: ["*.example.org"], methods: [GET], path: /**}, skip: true}
  - {name: rest, match: {path: /**}, skip: true}
`

// Envoy may let a request take a skipped route, which sealmesh never sees, only
// where the policy says the same of it.
func TestEnvoySkipsOnlyWhatThePolicySkips(t *testing.T) {
	p, err := policy.Load("policy.yaml", []byte(splitPolicy), os.LookupEnv, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	table := routes(factsOf(p, Options{}), Options{})
	skipped := 0
	for _, method := range []string{"POST", "post", "pOST", "PUT", "GET", "get", "FOO", "M-SEARCH", "PO\u017fT"} {
		for _, host := range []string{"other", "other:80", "api.example.com", "API.Example.Com", "api.example.com.", "api.example.com:",
			"api.example.com.:443", "a.api.example.com", "a.b.api.example.com.", ".api.example.com", "u@api.example.com", "api.example.com,b",
			"b,api.example.com", "[::1]", "[::1]:", "[::2]", "[api.example.com]", "api%2eexample.com", "api.example.com:8x", "", "a.example.org",
			"u@a.example.org", "api.example.com:@a.example.org", "a.example.org."} {
			for _, path := range []string{"/", "/free", "/posted", "/posted/", "/posted/1", "/customers", "/customers/", "/customers/1/", "/Customers",
				"/folded/1/x", "/FOLDED/1/X/", "/customers;a", "/;a/customers", "/c%75stomers", "/free/..;/customers", "/free/%2e%2e/customers",
				"/users/@me/%C3%A4:b", "/users/%40me/%c3%a4%3Ab", "/users/@me/\u00e4:b"} {
				name := take(t, table, method, host, path)
				want, err := p.Match(method, host, path)
				switch {
				case name != "public" && name != "rest":
				case err != nil || want == nil || !want.Skip:
					t.Errorf("%s %q %s takes skipped route %q; the policy says %v, %v", method, host, path, name, want, err)
				default:
					skipped++
				}
			}
		}
	}
	if skipped == 0 {
		t.Error("nothing was skipped")
	}
}

// Requests that clients send in good faith find the protected route, not a
// refusal.
func TestEnvoyFindsTheProtectedRoute(t *testing.T) {
	p, err := policy.Load("policy.yaml", []byte(splitPolicy), os.LookupEnv, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, host, path, want string }{
		{"POST", "api.example.com.", "/a", "host"},
		{"POST", "A.api.example.com.:443", "/a", "host"},
		{"POST", "api.example.com:", "/a", "host"},
		{"post", "other", "/posted/1", "method"},
		{"GET", "other", "/users/@me/%C3%A4:b", "spelled"},
		{"GET", "other", "/users/%40me/%c3%a4%3ab/", "spelled"},
		{"GET", "other", "/posted/1", "rest"},
		{"GET", "a.example.org", "/posted/1", "public"},
	} {
		if got := take(t, routes(factsOf(p, Options{}), Options{}), c.method, c.host, c.path); got != c.want {
			t.Errorf("%s %s %s takes %q, want %q", c.method, c.host, c.path, got, c.want)
		}
	}
}

// take plays Envoy: it returns the name of the first route that matches. Both
// use RE2, and Envoy matches a whole value.
func take(t *testing.T, table []*routev3.Route, method, host, path string) string {
	t.Helper()
	values := map[string]string{":method": method, ":authority": host}
next:
	for _, r := range table {
		if re := r.Match.GetSafeRegex(); re != nil && !regexp.MustCompile(re.Regex).MatchString(path) {
			continue
		}
		for _, h := range r.Match.Headers {
			if !regexp.MustCompile(h.GetStringMatch().GetSafeRegex().Regex).MatchString(values[h.Name]) {
				continue next
			}
		}
		return r.Name
	}
	t.Fatalf("no route for %s %s %s", method, host, path)
	return ""
}
