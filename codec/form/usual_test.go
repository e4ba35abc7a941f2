package form

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// readEach is Names.read for a name that is not plain, by every function of
// every dialect.
func (n *Names) readEach(d Dialect, name []byte) {
	if d&Literal != 0 {
		n.start()
		n.key(name)
		n.end()
	}
	if d&Brackets != 0 {
		n.readGroups(name, false)
		n.readRuns(name)
	}
	if d&PHP != 0 {
		n.readPHP(name)
	}
	if d&Dots != 0 {
		n.readGroups(name, true)
		n.readPath(name)
		n.readDots(name)
	}
}

// A name that is usual, and any other, leads where all readings lead.
func TestUsualNames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	usual := 0
	for range 20_000 {
		name := pick("a", "b", "1", "_method", "_x", "b-1")
		for range 1 + r.IntN(3) {
			name += pick("[a]", "[b]", "[1]", "[b-1]", "[_x]", "[a]", "[b]", "[]", "[a", ".a", " ", "[a.b]", "a]")
		}
		var rules []codec.Rule
		for range 1 + r.IntN(3) {
			rules = append(rules, codec.Rule{Path: "$" + pick(".a", ".b", ".*", "..b", "['b-1']", "") + pick(".a", ".b", "[*]", "[1]", "") + pick(".a", "[0]", "..a", "['1']", "")})
		}
		sel, err := codec.NewSelector(rules)
		if err != nil {
			continue // two paths are the same
		}
		d := Dialect(1 + r.IntN(int(All)))
		var got, want Names
		got.Reset(sel.Root(), d)
		want.Reset(sel.Root(), d)
		if isUsual([]byte(name)) {
			usual++
		}
		got.Find([]byte(name))
		if isPlain([]byte(name)) || got.at.Owner() >= 0 {
			continue
		}
		want.places.Clear()
		want.readEach(d, []byte(name))
		if !got.places.Equal(want.places) {
			t.Fatalf("%q in dialects %b, rules %v", name, d, rules)
		}
		want.sought = methodName
		want.readEach(All, []byte(name))
		if got.Root([]byte(name), methodName) != want.met {
			t.Fatalf("%q: the root is %s: %v", name, methodName, !want.met)
		}
		if isUsual([]byte(name)) && strings.ContainsAny(name, ". ") {
			t.Fatalf("%q is usual", name)
		}
	}
	if usual < 1000 {
		t.Errorf("%d usual names", usual)
	}
}
