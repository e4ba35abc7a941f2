package datakeys

import "testing"

func TestBudget(t *testing.T) {
	b := budget{limit: 100}
	for _, c := range []struct{ need, want, got uint64 }{
		{1, 1000, 12}, {1, 5, 5}, {50, 60, 50}, {34, 34, 0}, {33, 40, 33}, {1, 1, 0}, {0, 10, 0},
	} {
		if got := b.claim(c.need, c.want); got != c.got {
			t.Errorf("claim(%d, %d) = %d, want %d", c.need, c.want, got, c.got)
		}
	}
	if !b.low() {
		t.Error("not low when empty")
	}
	b.giveBack(11)
	if b.low() {
		t.Error("low at 89 of 100")
	}
	if got := b.claim(11, 11); got != 11 {
		t.Errorf("claim of what was given back: %d", got)
	}
}
