package form

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// taggedBy returns the paths of the rules that tag the value of a name, for
// each dialect alone.
func taggedBy(t *testing.T, path, name string) string {
	t.Helper()
	sel := codectest.Select(t, codec.Rule{Path: path})
	var hits []string
	for _, d := range []struct {
		name string
		d    Dialect
	}{{"literal", Literal}, {"brackets", Brackets}, {"php", PHP}, {"dots", Dots}} {
		var n Names
		n.Reset(sel.Root(), d.d)
		if n.Find([]byte(name)) >= 0 {
			hits = append(hits, d.name)
		}
	}
	var n Names
	n.Reset(sel.Root(), All)
	if all := n.Find([]byte(name)) >= 0; all != (len(hits) > 0) {
		t.Errorf("%s for %q: %q, but all says %t", path, name, hits, all)
	}
	return strings.Join(hits, " ")
}

// Each name as the applications of each dialect read it.
func TestDialects(t *testing.T) {
	const every = "literal brackets php dots"
	for _, tc := range []struct{ path, name, want string }{
		{"$.ssn", "ssn", every},
		{"$.ssn", "ssn[]", "brackets php dots"},
		{"$.ssn", "ssn[0]", "brackets php dots"},
		{"$.ssn", "ssn[a][b]", "brackets php dots"},
		{"$.ssn", "ssn[a", "brackets dots"},
		{"$.ssn", "[ssn]", "brackets dots"},
		{"$.ssn", "[ssn", "brackets dots"}, // Rack drops brackets in front
		{"$.ssn", " [ssn]", "brackets"},    // and blanks before them
		{"$.ssn", " ssn]", "brackets"},
		{"$.ssn", " ssn", "brackets php"},
		{"$.ssn", "ssn ", ""},
		{"$.ssn", "!ssn", "dots"},
		{"$.ssn", "SSN", ""},
		{"$.ssn", "x.ssn", ""},
		{"$.ssn", "x[ssn]", ""},
		{"$.ssn", "ssn.x", "dots"},
		{"$.ssn[*]", "ssn", every},
		{"$.ssn[0]", "ssn", every},
		{"$.ssn[7]", "ssn[]", "brackets php dots"},
		{"$.ssn[7]", "ssn[7]", "brackets php dots"},
		{"$.ssn[7]", "ssn[07]", "brackets php dots"},
		{"$.ssn[7]", "ssn[+7]", "brackets php dots"},
		{"$.ssn[7]", "ssn[8]", "brackets php dots"}, // qs drops gaps
		{"$.ssn[7]", "ssn[x]", "brackets php dots"}, // ASP.NET with ssn.index=x
		{"$.ssn['7']", "ssn.x", ""},
		{"$.list[0].ssn", "list[x].ssn", "dots"},
		{"$[0].ssn", "[x].ssn", "dots"},
		{"$.born", "born(1i)", "brackets dots"}, // Rails, and Struts
		{"$.user.born", "user[born(2i)]", "brackets"},
		{"$.user.born", "user[born(12)]", "brackets"},
		{"$.user.born", "user[born(i)]", ""},
		{"$.user.born", "user[born()]", ""},
		{"$.user.born", "user[born(1ix)]", ""},
		{"$.ssn['7']", "ssn[7]", "brackets php dots"},
		{"$.ssn['7']", "ssn[]", "brackets php dots"},
		{"$.user.ssn", "user[ssn]", "brackets php dots"},
		{"$.user.ssn", "user.ssn", "dots"},
		{"$.user.ssn", "user['ssn']", "dots"},
		{"$.user.ssn", `user["ssn"]`, "dots"},
		{"$.user.ssn", "user(ssn)", "dots"},
		{"$.user.ssn", "user('ssn')", "dots"},
		{"$.user.ssn", "user[ssn]x", "brackets php dots"}, // qs and PHP drop what follows
		{"$.user.ssn", "user[ssn]x[y", "brackets php dots"},
		{"$.user.ssn", "user[ssn][]", "brackets php dots"},
		{"$.user.ssn", "user[ssn][0]", "brackets php dots"},
		{"$.user.ssn", "user]ssn", "brackets dots"},
		{"$.user.ssn", "user[[ssn]", "brackets dots"},
		{"$.user.ssn", "user[ ssn]", ""},
		{"$.user.ssn", "user", ""},
		{"$.user.ssn", "user.ssn]", "dots"},
		{"$.user", "user[ssn]", "brackets php dots"},
		{"$.user", "user.ssn", "dots"},
		{"$.user.a.ssn", "user[a].ssn", "dots"},
		{"$.user.a.ssn", "user.a[ssn]", "dots"},
		{"$.user.a.ssn", "user[a][ssn]", "brackets php dots"},
		{"$.user.a.ssn", "user[a]x[ssn]", "brackets dots"},
		{"$.user.x.ssn", "user[x]ssn", "brackets dots"}, // Rack
		{"$.list[*].ssn", "list[][ssn]", "brackets php dots"},
		{"$.list[*].ssn", "list[][][][ssn]", "brackets dots"}, // qs joins arrays
		{"$.list[*].ssn", "list[]x[][ssn]", "brackets dots"},
		{"$.list[*][*].ssn", "list[][][ssn]", "brackets php dots"},
		{"$.list[*].ssn", "list][][ssn]", "brackets"}, // Rack drops closing brackets
		{"$.list[*].ssn", "a[list]][][ssn]", ""},
		{"$.a.list[*].ssn", "a[list]][][ssn]", "brackets dots"},
		{"$.list[*].ssn", "list[ ][ssn]", "brackets php dots"},
		{"$.list[0].ssn", "list[ ][ssn]", "php brackets dots"},
		{"$.list[0].ssn", "list[0].ssn", "dots"},
		{"$.list[0].ssn", "list.0.ssn", "dots"},
		{"$[0].ssn", "[0].ssn", "dots"},
		{"$.map.*.ssn", "map[a[0]].ssn", "dots"}, // Spring counts brackets
		{"$.map[*].ssn", "map[[]].ssn", "dots"},
		{"$.user.a.ssn", "user[a.ssn]", "dots"}, // ASP.NET: brackets are dots
		{"$.user.a.ssn", "user[a.ssn][]", "dots"},
		{"$.list.ssn", "list[][ssn]", "dots"}, // and empty ones are nothing
		{"$.list.ssn", "list[].ssn", "dots"},
		{"$.s_sn", "s.sn", "php"},
		{"$.s_sn", "s sn", "php"},
		{"$.s_sn", "s[sn", "php"},
		{"$.s_sn", "s.sn[x]", "php"},
		{"$.s_s_n", "s[s.n", "php"},
		{"$.user['s.n']", "user[s.n]", "brackets php dots"},
		{"$.user['[s']", "user[[s]", "php dots"},
		{"$['s.sn']", "s.sn", "literal brackets"},
		{"$['a[b]']", "a[b]", "literal"},
		{"$['']", "", every},
		{"$..ssn", "a[b][ssn]", "brackets php dots"},
		{"$..ssn", "a.b.ssn", "dots"},
		{"$..ssn", "ssn", every},
		{"$.*", "anything", every},
		{"$", "anything", every},
		{"$..*", "a", every},
		{"$.ssn[*][*]", "ssn", ""},
		{"$.ssn[*][*]", "ssn[]", "brackets php dots"},
		{"$.ssn.x", "ssn", ""},
	} {
		got := taggedBy(t, tc.path, tc.name)
		if a, b := strings.Fields(got), strings.Fields(tc.want); len(a) != len(b) || !sameSet(a, b) {
			t.Errorf("%s for %q: %q, want %q", tc.path, tc.name, got, tc.want)
		}
	}
}

func sameSet(a, b []string) bool {
	for _, x := range a {
		if !strings.Contains(" "+strings.Join(b, " ")+" ", " "+x+" ") {
			return false
		}
	}
	return true
}

// Where dialects give several rules, the most specific owns the value.
func TestMostSpecificRuleOwns(t *testing.T) {
	sel := codectest.Select(t, rules("$..b", "$.*.x", "$.a_b", "$.a.b", "$['a.b'][*]", "$.x[*]")...)
	for name, want := range map[string]int{"a.b": 3, "a_b": 2, "a b": 2, "a[b]": 3, "c.b": 0, "c[d][b]": 0, "x": 5, "b.x": 0, "z.x": 1, "y": -1} {
		var n Names
		n.Reset(sel.Root(), All)
		if got := n.Find([]byte(name)); got != want {
			t.Errorf("%q: rule %d, want %d", name, got, want)
		}
	}
}

// A name is found below the place of a form that is inside a document, and the
// place of a name is where a document that is its value is read.
func TestPlaces(t *testing.T) {
	sel := codectest.Select(t, rules("$.form.user.ssn", "$.form.x")...)
	at := sel.Root()
	at.Descend(sel.Named([]byte("form")))
	var n Names
	n.Reset(at, All)
	if got := n.Find([]byte("user")); got != -1 {
		t.Errorf("user: rule %d", got)
	}
	place := n.Places()
	if got := place.Member([]byte("ssn")); got != 0 {
		t.Errorf("ssn in user: rule %d", got)
	}
	if got := n.Find([]byte("user[ssn]")); got != 0 {
		t.Errorf("user[ssn]: rule %d", got)
	}
	if got, other := n.Find([]byte("x")), n.Other(); got != 1 || other != -1 {
		t.Errorf("x: rule %d, others %d", got, other)
	}
}

// The method is looked for in every spelling.
func TestRootMember(t *testing.T) {
	sel := codectest.Select(t, rules("$.ssn")...)
	var n Names
	n.Reset(sel.Root(), Literal)
	for name, want := range map[string]bool{
		"_method": true, "_METHOD": true, "_method[]": true, "_method[0]": true, ".method": true, " method": false, " _method": true,
		"[method": true, "[_method]": true, "_method.x": true, "!_method": true, "_method[a": true,
		"method": false, "a[_method]": false, "a._method": false, "_methods": false, "": false,
	} {
		if got := n.Root([]byte(name), methodName); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
}
