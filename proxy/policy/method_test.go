package policy

import (
	"errors"
	"testing"
)

// A query that some server may read a method from is refused where methods
// select rules, in every spelling; what only looks like one passes, and so does
// all where they do not.
func TestMethodInQuery(t *testing.T) {
	byMethod, err := load(t, `version: 1
keys: {k: {kek: "local:k"}}
tags: {t: {key: k}}
routes:
  - {name: a, match: {methods: [POST], path: /a}, request: {seal: {$.a: t}}}
  - {name: b, match: {path: /b}, skip: true}
`)
	if err != nil {
		t.Fatal(err)
	}
	byPath, err := load(t, `version: 1
keys: {k: {kek: "local:k"}}
tags: {t: {key: k}}
routes: [{name: a, match: {path: /a}, request: {seal: {$.a: t}}}]
`)
	if err != nil {
		t.Fatal(err)
	}
	if !byMethod.Routes[0].Request.Selector.Guard().Method || byPath.Routes[0].Request.Selector.Guard().Method {
		t.Error("bodies that name a method are refused where methods decide, and only there")
	}
	for query, refused := range map[string]bool{
		"_method=PUT": true, "a=1&_method=PUT": true, "a=1;_method=PUT": true, "_method": true, "_Method=put": true, "_METHOD=": true,
		"%5Fmethod=PUT": true, "%5f%6d%65%74%68%6f%64=PUT": true, "%255Fmethod=PUT": true, "%u005Fmethod=PUT": true, "%5Fm%65thod%5B%5D=PUT": true,
		"_method[]=PUT": true, "_method[0]=PUT": true, ".method=PUT": true, "+_method=PUT": true, "%20_method=PUT": true, "%2Emethod=PUT": true,
		"_method%00x=PUT": true, "_method+=PUT": true,
		"method=PUT": false, "_methods=PUT": false, "x_method=PUT": false, "a=_method": false, "a=_method%3DPUT": false, "a[_method]=PUT": false,
		"": false, "%zz": false, "a=%5Fmethod": false,
	} {
		for _, path := range []string{"/a", "/b"} {
			_, err := byMethod.Match("POST", "x", path+"?"+query)
			if got := errors.Is(err, ErrMethodInQuery); got != refused || !got && err != nil {
				t.Errorf("%s?%s: %v", path, query, err)
			}
		}
		if _, err := byPath.Match("POST", "x", "/a?"+query); err != nil {
			t.Errorf("where no method decides: %s: %v", query, err)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = byMethod.Match("POST", "x", "/a?page=1&order=name") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
