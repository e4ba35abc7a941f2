package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// routesOf compiles routes written as "name: match", all with skip.
func routesOf(t testing.TB, matches ...string) *Policy {
	t.Helper()
	var b strings.Builder
	b.WriteString("version: 1\nroutes:\n")
	for i, m := range matches {
		fmt.Fprintf(&b, "  - {name: r%d, skip: true, match: %s}\n", i, m)
	}
	p, err := Load("policy.yaml", []byte(b.String()), noEnv, files(nil))
	if err != nil {
		t.Fatalf("load:\n%v", err)
	}
	return p
}

// TestMatchBypass holds that no spelling of a protected path falls under
// another route: it is taken by the protected one, or refused.
func TestMatchBypass(t *testing.T) {
	p := routesOf(t, `{path: /customers/**}`, `{path: /admin}`, `{path: /Legacy/**, ignore_case: true}`, `{path: /**}`)
	const ambiguous = "ambiguous"
	for _, c := range []struct{ path, want string }{
		{"/customers", "r0"},
		{"/customers/", "r0"},
		{"/customers/1", "r0"},
		{"/customers/1/", "r0"},
		{"/customers/1/2?a=b", "r0"},
		{"/customers?/../admin", "r0"},
		{"/%63ustomers/1", "r0"},
		{"/%63%75stomers", "r0"},
		{"/customers/..", ambiguous},
		{"/customers/../admin", ambiguous},
		{"/customers/./1", ambiguous},
		{"/customers/%2e%2e/admin", ambiguous},
		{"/customers/.%2E/admin", ambiguous},
		{"/customers/..;x=1/admin", ambiguous},
		{"/customers/%2e%2e%3b/admin", ambiguous},
		{"/./customers", ambiguous},
		{"//customers", ambiguous},
		{"/customers//1", ambiguous},
		{"/customers//", ambiguous},
		{"//", ambiguous},
		{"/;x/customers", ambiguous},
		{"/customers%2F1", ambiguous},
		{"/customers%2f1", ambiguous},
		{"/customers%5C1", ambiguous},
		{`/customers\1`, ambiguous},
		{"/customers/%00", ambiguous},
		{"/customers%00", ambiguous},
		{"/customers\x00", ambiguous},
		{"/customers%0d%0a", ambiguous},
		{"/customers%7f", ambiguous},
		{"/customers%", ambiguous},
		{"/customers%6", ambiguous},
		{"/customers%zz", ambiguous},
		{"/customers%252F1", ambiguous},
		{"/%2563ustomers", ambiguous},
		{"/customers%c0%af1", ambiguous}, // an overlong slash
		{"/customers\xff", ambiguous},
		{"/customers%20", ambiguous},
		{"/%20customers", ambiguous},
		{"/customers%C2%A0", ambiguous}, // a no-break space: Python and JavaScript trim it
		{"/%E3%80%80customers", ambiguous},
		{"/customers;x=1", ambiguous}, // Tomcat: /customers; Go: another path
		{"/customers%3Bx=1", ambiguous},
		{"/customers/1;x=1", "r0"}, // both readings are below /customers
		{"/other;x=1", "r3"},
		{"/admin;/x", "r3"},
		{"", ambiguous},
		{"customers", ambiguous},
		{"?/customers", ambiguous},
		{"http://a.example/customers", ambiguous},
		{"*", ambiguous},
		{"/*", "r3"},
		{"/CUSTOMERS", "r3"}, // case counts: where the upstream disagrees, ignore_case
		{"/LEGACY/1", "r2"},
		{"/legacy", "r2"},
		{"/leg\u0105cy", "r3"},
		{"/customers#x", ambiguous},
		{"/customers%23x", ambiguous},
		{"/customers%3Fx", ambiguous}, // CVE-2024-38474
		{"/customers x", ambiguous},   // the request line would have four parts
		{"/customers?x y#z", "r0"},
		{"/customers.json", "r3"},
		{"/customersx", "r3"},
		{"/a%20b", "r3"},
		{"/100%25", "r3"},
		{"/größe", "r3"},
		{"/", "r3"},
		{"/?x", "r3"},
		{"/" + strings.Repeat("a/", 100), "r3"},
	} {
		got := ambiguous
		r, err := p.Match("POST", "a.example", c.path)
		switch {
		case err == nil && r == nil:
			got = "none"
		case err == nil:
			got = r.Name
		case !errors.Is(err, ErrAmbiguousPath):
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.path, got, c.want)
		}
	}
}

func TestMatch(t *testing.T) {
	p := routesOf(t,
		`{path: /a/*/c}`,
		`{path: "/a/{id}", methods: [POST, PUT]}`,
		`{path: /a/**, hosts: ["*.internal", "api.example"]}`,
		`{path: /, hosts: "[::1]"}`,
		`{path: "/grüße"}`,
	)
	for _, c := range []struct{ method, host, path, want string }{
		{"GET", "x", "/a/b/c", "r0"},
		{"GET", "x", "/a/b/c/d", ""},
		{"GET", "x", "/a/c", ""},
		{"PUT", "x", "/a/b", "r1"},
		{"put", "x", "/a/b", "r1"}, // some frameworks take put for PUT
		{"GET", "x", "/a/b", ""},
		{"GET", "api.example", "/a", "r2"},
		{"GET", "API.Example:8080", "/a/b/c/d", "r2"},
		{"GET", "api.example.", "/a/b", "r2"},
		{"GET", "api.example.:80", "/a/b", "r2"},
		{"GET", "x.internal", "/a", "r2"},
		{"GET", "y.x.INTERNAL:443", "/a", "r2"},
		{"GET", "internal", "/a", ""},
		{"GET", ".internal", "/a", ""},
		{"GET", "xinternal", "/a", ""},
		{"GET", "", "/a", ""},
		{"GET", "[::1]:80", "/", "r3"},
		{"GET", "[::1]", "/", "r3"},
		{"GET", "x", "/gr%C3%BC%C3%9Fe", "r4"},
		{"GET", "x", "/grüße/", "r4"},
		{"OPTIONS", "x", "*", ""},
	} {
		r, err := p.Match(c.method, c.host, c.path)
		got := ""
		if r != nil {
			got = r.Name
		}
		if err != nil || got != c.want {
			t.Errorf("%s %s%s: %q, %v, want %q", c.method, c.host, c.path, got, err, c.want)
		}
	}
}

func TestMatchHostAmbiguous(t *testing.T) {
	p := routesOf(t, `{path: /**}`)
	for _, host := range []string{"a@b", "a b", "a\tb", "a/b", `a\b`, "a%2eb", "a,b", "a?b", "a#b", "a\x00", "a:b", "a:80:80", "a:80x", "a..b", "a..", "::1", "[::1", "[::1]a", "[[::1]]", "a]b", "a]", "[::1]:x", "[a.example.com]", "[1.2.3.4]", "[]"} {
		if _, err := p.Match("GET", host, "/"); !errors.Is(err, ErrAmbiguousHost) {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestMatchConnect(t *testing.T) {
	p := routesOf(t, `{path: /tunnel, methods: CONNECT}`, `{path: /**}`)
	for _, c := range []struct {
		path string
		want error
	}{
		{"/tunnel", nil}, {"/other", ErrTunnel}, {"", ErrTunnel}, {"*", ErrAmbiguousPath},
	} {
		if _, err := p.Match("CONNECT", "a.example:443", c.path); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.path, err, c.want)
		}
	}
	all := routesOf(t, `{path: /, methods: CONNECT}`)
	if r, err := all.Match("CONNECT", "a.example:443", ""); err != nil || r == nil {
		t.Errorf("a route for CONNECT itself: %v, %v", r, err)
	}
	if _, err := routesOf(t, `{path: /a}`).Match("connect", "a.example:443", "/b"); !errors.Is(err, ErrTunnel) {
		t.Errorf("CONNECT without a route: %v", err)
	}
}

func hundredRoutes(t testing.TB) *Policy {
	var matches []string
	for i := range 99 {
		matches = append(matches, fmt.Sprintf("{path: \"/service%d/{tenant}/customers/**\", methods: [POST, PUT], hosts: '*.example.com'}", i))
	}
	return routesOf(t, append(matches, `{path: /**}`)...)
}

func TestMatchAllocatesNothing(t *testing.T) {
	p := hundredRoutes(t)
	for _, path := range []string{"/service98/t/customers/7?x=1", "/nothing", "/service5/a;b/customers/c"} {
		if n := testing.AllocsPerRun(100, func() {
			if r, err := p.Match("POST", "api.example.com:443", path); r == nil || err != nil {
				t.Fatal(r, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	p := hundredRoutes(b)
	for _, c := range []struct{ name, path string }{
		{"last", "/service98/t/customers/7?x=1"}, {"fallback", "/nothing/here"}, {"encoded", "/service98/t%20t/customers/7"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r, err := p.Match("POST", "api.example.com:443", c.path); r == nil || err != nil {
					b.Fatal(r, err)
				}
			}
		})
	}
}
