package codec

import "testing"

// A value with several names is owned by the rules of each of them.
func TestDescendAs(t *testing.T) {
	for _, tc := range []struct {
		path  string
		index int // of the value b, which is in a; -1 for no list
		self  bool
		child bool // its member c
	}{
		{"$.a.b", 0, true, false},
		{"$.a['{u}b']", 0, true, false},
		{"$.a['{v}b']", 0, false, false},
		{"$.a.b[1]", 1, true, false},
		{"$.a.b[1]", 0, false, false},
		{"$.a.b[1]", -1, false, false},
		{"$.a['{u}b'][1]", 1, true, false},
		{"$.a.b[*]", 0, true, true},
		{"$.a.b[*]", -1, false, true},
		{"$.a.b.*", 0, false, true},
		{"$.a.*", 0, true, false},
		{"$.a[*].c", 0, false, true},
		{"$.a.b[2].c", 2, false, true},
		{"$..b[2]..c", 2, false, true},
		{"$..[2]", 2, true, false},
		{"$..[2]", 1, false, false},
		{"$.a.b.c", 5, false, true},
	} {
		s := mustSelect(t, []Rule{{Path: tc.path}})
		var c Cursor
		c.Start(s)
		c.Member([]byte("a"))
		index := NoIndex
		if tc.index >= 0 {
			index = s.Indexed(tc.index)
		}
		c.DescendAs(Alias{s.Named([]byte("b")), index}, Alias{s.Named([]byte("{u}b")), index})
		if got := c.Owner() == 0; got != tc.self {
			t.Errorf("%s, b at %d: owned %t", tc.path, tc.index, got)
		}
		c.DescendAs(Alias{s.Named([]byte("c")), NoIndex})
		if got := c.Owner() == 0; got != tc.child {
			t.Errorf("%s, c in b at %d: owned %t", tc.path, tc.index, got)
		}
		c.Up()
		c.Up()
		c.DescendAs(Alias{AnyStep, SomeIndex})
		if got := c.Owner() == 0; got != (tc.path == "$.a.*" || tc.path == "$..[2]") {
			t.Errorf("%s, an element of any index: owned %t", tc.path, got)
		}
	}
}

// A name in a namespace is more specific than the name alone.
func TestNamespaceIsMoreSpecific(t *testing.T) {
	for _, rules := range [][]Rule{
		{{Path: "$.a.ssn"}, {Path: "$.a['{u}ssn']"}},
		{{Path: "$..['@id']"}, {Path: "$..['@{u}id']"}},
	} {
		s := mustSelect(t, rules)
		var c Cursor
		c.Start(s)
		c.Member([]byte("a"))
		var all []Alias
		for _, n := range s.Names() {
			all = append(all, Alias{s.Named([]byte(n)), NoIndex})
		}
		c.DescendAs(all...)
		if c.Owner() != 1 {
			t.Errorf("%v: rule %d owns", rules, c.Owner())
		}
	}
}
