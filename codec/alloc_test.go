//go:build !race

package codec

import "testing"

func TestCursorDoesNotAllocate(t *testing.T) {
	rules := []Rule{{Path: "$.users[*].pii.ssn"}, {Path: "$..email"}, {Path: "$.a[3]"}}
	sel := mustSelect(t, rules)
	var c Cursor
	name := []byte("users")
	if n := testing.AllocsPerRun(100, func() {
		c.Start(sel)
		c.Member(name)
		c.Element(3)
		c.Member(name)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
