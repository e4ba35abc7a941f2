package policy

import "testing"

func TestSpelled(t *testing.T) {
	p, err := load(t, "version: 1\nkeys: {k: {kek: \"local:kek\"}}\ntags: {pii: {key: k}}\nroutes:\n"+
		"  - {name: a, match: {path: \"/customers/{id}/**\", methods: [POST], hosts: [h]}, request: {seal: {$.a: pii}}}\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, host, path string
		want               bool
	}{
		{"POST", "h", "/customers/1", true},
		{"POST", "h", "/customers/1/a/B?x=%2F;", true},
		{"post", "h", "/customers/1", false},
		{"POST", "h", "/Customers/1", false},
		{"POST", "h", "/customers/1/", false},
		{"POST", "h", "/customers/%31", false},
		{"POST", "h", "/customers/1;a=b", false},
		{"POST", "H:8080", "/customers/1", true},
		{"POST", "h.", "/customers/1", false},
		{"POST", "h.:8080", "/customers/1", false},
		{"POST", "h:", "/customers/1", false},
	} {
		r, err := p.Match(c.method, c.host, c.path)
		if err != nil || r == nil {
			t.Fatalf("%s %s%s: %v", c.method, c.host, c.path, err)
		}
		if got := r.Spelled(c.method, c.host, c.path); got != c.want {
			t.Errorf("%s %s%s: %v", c.method, c.host, c.path, got)
		}
	}
}
