package codec_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

func TestPathErrors(t *testing.T) {
	for _, tc := range []struct {
		path   string
		offset int
		detail string
	}{
		{"", 0, "a path starts with $"},
		{"a.b", 0, "a path starts with $"},
		{"@.a", 0, "a path starts with $"},
		{"\xff", 0, "a path is UTF-8"},
		{"$.", 2, "expected a name or *"},
		{"$..", 3, "expected a name or *"},
		{"$...a", 3, "expected a name or *"},
		{"$a", 1, "expected . or ["},
		{"$.a b", 4, "expected . or ["},
		{"$.a ", 3, "blanks at the end"},
		{"$.1a", 2, "expected a name or *"},
		{"$.-1", 2, "expected a name or *"},
		{"$.first-name", 7, "a name with this character must be written ['…']"},
		{"$.a?", 3, "a name with this character must be written ['…']"},
		{"$.a[?@.b]", 4, "filters are not supported"},
		{"$[?(@.b==1)]", 2, "filters are not supported"},
		{"$..[?@.b]", 4, "filters are not supported"},
		{"$[1:2]", 3, "slices are not supported"},
		{"$[:2]", 2, "slices are not supported"},
		{"$[::2]", 2, "slices are not supported"},
		{"$[-1]", 2, "negative indexes are not supported"},
		{"$[1,2]", 3, "unions are not supported"},
		{"$['a','b']", 5, "unions are not supported"},
		{"$[*,1]", 3, "unions are not supported"},
		{"$.a.length()", 10, "functions are not supported"},
		{"$[(@.length-1)]", 2, "functions are not supported"},
		{"$()", 1, "functions are not supported"},
		{"$[01]", 2, "an index is 0 to 2^53-1 without leading zeros"},
		{"$[9007199254740992]", 2, "an index is 0 to 2^53-1 without leading zeros"},
		{"$[99999999999999999999]", 2, "an index is 0 to 2^53-1 without leading zeros"},
		{"$[]", 2, "expected a quoted name, an index or *"},
		{"$[a]", 2, "expected a quoted name, an index or *"},
		{"$[", 2, "expected a quoted name, an index or *"},
		{"$['a'", 5, "expected ]"},
		{"$['a", 2, "the quote is never closed"},
		{`$["a']`, 2, "the quote is never closed"},
		{`$['a\`, 4, "not an escape sequence of RFC 9535"},
		{`$['\"']`, 3, "not an escape sequence of RFC 9535"},
		{`$["\'"]`, 3, "not an escape sequence of RFC 9535"},
		{`$['\x41']`, 3, "not an escape sequence of RFC 9535"},
		{`$['\u12']`, 3, "not an escape sequence of RFC 9535"},
		{`$['\u+123']`, 3, "not an escape sequence of RFC 9535"},
		{`$['\ud800']`, 3, "not an escape sequence of RFC 9535"},
		{`$['\ud800\u0041']`, 3, "not an escape sequence of RFC 9535"},
		{`$['\udc00\ud800']`, 3, "not an escape sequence of RFC 9535"},
		{"$['a\nb']", 4, "control characters in a name are written \\u00XX"},
		{"$" + strings.Repeat(".a", 64), 0, "more than 63 segments"},
	} {
		_, err := codec.NewSelector([]codec.Rule{{Path: "$.fine"}, {Path: tc.path}})
		var e *codec.PathError
		if !errors.As(err, &e) || e.Path != tc.path || e.Offset != tc.offset || e.Detail != tc.detail {
			t.Errorf("%q: %v", tc.path, err)
			continue
		}
		if want := fmt.Sprintf("path %q: at %d: %s", tc.path, tc.offset, tc.detail); e.Error() != want {
			t.Errorf("reads %q", e.Error())
		}
	}
}

func TestPathSpellings(t *testing.T) {
	for _, same := range [][]string{
		{"$.a", "$['a']", `$["a"]`, `$["\u0061"]`, `$[ 'a' ]`, `$ .a`, "$\n['a']"},
		{"$..a", "$..['a']", `$..["a"]`},
		{"$.*", "$[*]", "$[ * ]"},
		{"$..*", "$..[*]"},
		{"$['it\\'s']", `$["it's"]`},
		{`$["\"\\\/\b\f\n\r\t"]`, "$['\"\\\\/\\b\\f\\n\\r\\t']"},
		{`$["\ud83d\ude00"]`, "$['😀']", "$.😀"},
		{"$['']", `$[""]`},
		{"$[0]", "$[ 0 ]"},
	} {
		for i, other := range same {
			_, err := codec.NewSelector([]codec.Rule{{Path: same[0]}, {Path: other}})
			var e *codec.PathError
			if !errors.As(err, &e) || e.Path != other || !strings.HasPrefix(e.Detail, "the same as") {
				t.Errorf("%q and %q (%d): %v", same[0], other, i, err)
			}
		}
	}
	for _, pair := range [][2]string{{"$.a", "$..a"}, {"$[0]", "$['0']"}, {"$.*", "$['*']"}, {"$.a.b", "$['a.b']"}, {"$", "$.a"}} {
		if _, err := codec.NewSelector([]codec.Rule{{Path: pair[0]}, {Path: pair[1]}}); err != nil {
			t.Errorf("%q: %v", pair, err)
		}
	}
}

// TestMostSpecificRule pins the order of rules that match one value.
func TestMostSpecificRule(t *testing.T) {
	ordered := []string{"$.a.b", "$.a.*", "$.*.b", "$.*.*", "$..a.b", "$..b", "$..a.*", "$..*", "$..a..b"}
	r := rand.New(rand.NewPCG(3, 4))
	for from := range ordered {
		rules := make([]codec.Rule, 0, len(ordered))
		for _, p := range ordered[from:] {
			rules = append(rules, codec.Rule{Path: p})
		}
		r.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
		var c codec.Cursor
		c.Start(codectest.Select(t, rules...))
		c.Member([]byte("a"))
		if got := rules[c.Member([]byte("b"))].Path; got != ordered[from] {
			t.Errorf("of %v: %s", ordered[from:], got)
		}
	}
}

func TestCursor(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$.a[2].b"}, codec.Rule{Path: "$.c"})
	var c codec.Cursor
	if c.Start(sel) != -1 || !c.Live() {
		t.Fatal("root")
	}
	if c.Member([]byte("c")) != 1 || c.Live() {
		t.Error("$.c")
	}
	c.Up()
	if c.Member([]byte("x")) != -1 || c.Live() {
		t.Error("$.x")
	}
	c.Up()
	if c.Member([]byte("a")) != -1 || !c.Live() {
		t.Error("$.a")
	}
	if c.Element(1) != -1 || c.Live() {
		t.Error("$.a[1]")
	}
	c.Up()
	if c.Element(2) != -1 || !c.Live() {
		t.Error("$.a[2]")
	}
	if c.Member([]byte("b")) != 0 || c.Live() {
		t.Error("$.a[2].b")
	}
	if none := codectest.Select(t); c.Start(none) != -1 || c.Live() {
		t.Error("no rules")
	}
}

// Names that a bucket has too many of are found, and told from others, as those
// of a small one are.
func TestLikeNames(t *testing.T) {
	var rules []codec.Rule
	for i := range 1000 {
		rules = append(rules, codec.Rule{Path: fmt.Sprintf("$.f%04dx", i)})
	}
	for _, sel := range []*codec.Selector{codectest.Select(t, rules...), codectest.Fold(t, rules...)} {
		var c codec.Cursor
		for i := range rules {
			c.Start(sel)
			if got := c.Member(fmt.Appendf(nil, "f%04dx", i)); got != i {
				t.Errorf("$.f%04dx belongs to rule %d", i, got)
			}
		}
		for _, other := range []string{"fzzzzx", "f1000x", "f000x", "f", ""} {
			c.Start(sel)
			if got := c.Member([]byte(other)); got != -1 {
				t.Errorf("%q belongs to rule %d", other, got)
			}
		}
	}
}

func BenchmarkLikeNames(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		var rules []codec.Rule
		for i := range n {
			rules = append(rules, codec.Rule{Path: fmt.Sprintf("$.f%04dx", i)})
		}
		sel := codectest.Select(b, rules...)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				sel.Named([]byte("fzzzzx"))
			}
		})
	}
}

// FuzzSelector walks at random and asks, at each value, the codec.Cursor and
// the oracle.
func FuzzSelector(f *testing.F) {
	f.Add([]byte("\x03\x02\x00\x02\x00\x01\x02\x03\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"))
	r := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &codectest.Source{Data: data}
		rules, segs := s.Rules(60)
		var c codec.Cursor
		root := c.Start(codectest.Select(t, rules...))
		if want := codectest.Owner(segs, nil); root != want {
			t.Fatalf("%v: root is owned by %d, want %d", rules, root, want)
		}
		var at []codectest.Step
		var lives []bool
		for len(s.Data) > 0 {
			var got int
			lives = append(lives, c.Live())
			switch move := s.Below(5); {
			case move == 0 || len(at) == 12: // the oracle takes exponential time
				lives = lives[:len(lives)-1]
				if len(at) > 0 {
					c.Up()
					at, lives = at[:len(at)-1], lives[:len(lives)-1]
				}
				continue
			case move == 1:
				at = append(at, codectest.Step{Index: s.Below(5)})
				got = c.Element(at[len(at)-1].Index)
			default:
				at = append(at, codectest.Step{Name: codectest.Names[s.Below(len(codectest.Names))], Index: -1})
				got = c.Member([]byte(at[len(at)-1].Name))
			}
			want := codectest.Owner(segs, at)
			if got != want {
				t.Fatalf("%v at %v: owned by %d, want %d", rules, at, got, want)
			}
			if want >= 0 && slices.Contains(lives, false) {
				t.Fatalf("%v at %v: owned, below a value that is not live", rules, at)
			}
		}
	})
}

// Places are compared by their rules, and a place with two names has the rules
// of both.
func TestEqualPlaces(t *testing.T) {
	s, err := codec.NewSelector([]codec.Rule{{Path: "$.a.x"}, {Path: "$.b.y"}, {Path: "$.*.z"}, {Path: "$.c[3]"}})
	if err != nil {
		t.Fatal(err)
	}
	var both, a, other codec.Cursor
	for _, c := range []*codec.Cursor{&both, &a, &other} {
		c.Start(s)
	}
	both.Advance(s.Named([]byte("a")), s.Named([]byte("b")))
	a.Advance(s.Named([]byte("a")), s.Named([]byte("a")))
	other.Descend(s.Named([]byte("a")))
	if both.Equal(a) || !a.Equal(other) || string(a.AppendState(nil)) != string(other.AppendState(nil)) || string(a.AppendState(nil)) == string(both.AppendState(nil)) {
		t.Error("places are not compared by their rules")
	}
	for name, want := range map[string]int{"x": 0, "y": 1, "z": 2, "w": -1} {
		if got := both.Member([]byte(name)); got != want {
			t.Errorf("%s: rule %d, want %d", name, got, want)
		}
		both.Up()
	}
	if s.Steps() != 1+len(s.Names())+1 || int(s.Indexed(3)) != s.Steps()-1 {
		t.Errorf("%d steps", s.Steps())
	}
}
