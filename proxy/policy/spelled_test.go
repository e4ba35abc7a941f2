package policy

import "testing"

func TestSpelled(t *testing.T) {
	p, err := load(t, "version: 1\nkeys: {k: {kek: \"local:kek\"}}\ntags: {pii: {key: k}}\nroutes:\n"+
		"  - {name: a, match: {path: \"/customers/{id}/**\", methods: [POST]}, request: {seal: {$.a: pii}}}\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path string
		want         bool
	}{
		{"POST", "/customers/1", true},
		{"POST", "/customers/1/a/B?x=%2F;", true},
		{"post", "/customers/1", false},
		{"POST", "/Customers/1", false},
		{"POST", "/customers/1/", false},
		{"POST", "/customers/%31", false},
		{"POST", "/customers/1;a=b", false},
	} {
		r, err := p.Match(c.method, "h", c.path)
		if err != nil || r == nil {
			t.Fatalf("%s %s: %v", c.method, c.path, err)
		}
		if got := r.Spelled(c.method, c.path); got != c.want {
			t.Errorf("%s %s: %v", c.method, c.path, got)
		}
	}
}
