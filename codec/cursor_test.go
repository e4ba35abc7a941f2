package codec

import (
	"strings"
	"testing"
)

// A Cursor at several places finds what one Cursor at each would find.
func TestSeveralPlaces(t *testing.T) {
	rules := []Rule{{Path: "$.a[0]"}, {Path: "$.a['1']"}, {Path: "$.a[*].x"}, {Path: "$.b.c"}, {Path: "$..d"}, {Path: "$.b['x1']"}}
	for range 40 { // states of more than one word
		rules = append(rules, Rule{Path: "$.z" + strings.Repeat("z", len(rules))})
	}
	sel := mustSelect(t, rules)
	named := func(s string) Step { return sel.Named([]byte(s)) }
	at := func(moves ...func(*Cursor)) int {
		var c Cursor
		c.Start(sel)
		for _, m := range moves {
			m(&c)
		}
		return c.Owner()
	}
	to := func(steps ...Step) func(*Cursor) { return func(c *Cursor) { c.Advance(steps...) } }
	some := sel.SomeElement()
	for i, tc := range []struct{ got, want int }{
		{at(to(named("a")), to(sel.Indexed(0))), 0},
		{at(to(named("a")), to(sel.Indexed(0), named("1"))), 1},
		{at(to(named("a")), to(sel.Indexed(7), named("1"))), 1},
		{at(to(named("a")), to(sel.Indexed(7))), -1},
		{at(to(named("a")), to(some)), 1},
		{at(to(named("a")), to(some), to(named("x"))), 2},
		{at(to(named("b")), to(some)), -1},
		{at(to(named("b")), to(named("c"))), 3},
		{at(to(named("b")), to(named("x")), to(named("c"))), -1},
		{at(to(AnyStep), to(AnyStep), to(named("d"))), 4},
		{at(func(c *Cursor) { c.Clear() }, to(named("d"))), -1},
		{at(to(named("b")), func(c *Cursor) {
			var other Cursor
			other.Start(sel)
			c.Join(&other)
		}, to(named("zzzzzzz"))), 6},
	} {
		if tc.got != tc.want {
			t.Errorf("case %d: rule %d, want %d", i, tc.got, tc.want)
		}
	}
}
