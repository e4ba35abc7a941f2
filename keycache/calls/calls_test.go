package calls

import (
	"errors"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

func TestBackoff(t *testing.T) {
	b := Backoff{Base: 100 * time.Millisecond, Max: time.Second}
	for _, c := range []struct {
		failures int
		r        float64
		want     time.Duration
	}{
		{0, 0, 0}, {0, 0.5, 50 * time.Millisecond}, {1, 0.5, 100 * time.Millisecond}, {3, 0.5, 400 * time.Millisecond},
		{4, 0.5, 500 * time.Millisecond}, {31, 0.5, 500 * time.Millisecond}, {1000, 0.5, 500 * time.Millisecond},
	} {
		if got := b.Delay(c.failures, c.r); got != c.want {
			t.Errorf("after %d failures, r %v: %v, want %v", c.failures, c.r, got, c.want)
		}
	}
}

func TestGate(t *testing.T) {
	down := errors.New("down")
	denied := &hsm.Error{Class: hsm.Denied}
	corrupt := &hsm.Error{Class: hsm.Corrupt}
	var g Gate
	at := func(d time.Duration, want error) {
		t.Helper()
		if got := g.Shut(d); !errors.Is(got, want) {
			t.Fatalf("at %v: shut %v, want %v", d, got, want)
		}
		if got := g.Enter(d, 5*time.Second); !errors.Is(got, want) {
			t.Fatalf("at %v: enter %v, want %v", d, got, want)
		}
	}
	const ms = time.Millisecond
	at(0, nil)
	at(0, nil)
	g.Leave(0, 1*ms, down, 0.5) // shut for 100 ms
	g.Leave(0, 2*ms, down, 0.5) // the same outage: counts once
	at(100*ms, down)
	at(101*ms, nil)                    // the probe
	at(102*ms, down)                   // the rest waits for it
	at(102*ms+5*time.Second, nil)      // but not for ever
	g.Leave(101*ms, 200*ms, down, 0.5) // shut for 200 ms: the second failure
	at(399*ms, down)
	at(400*ms, nil)
	g.Leave(400*ms, 401*ms, corrupt, 0.5) // no news: the next may probe
	at(402*ms, nil)
	at(402*ms, down)
	g.Leave(402*ms, 402*ms, down, 0.5) // shut for 400 ms: nothing was forgotten
	at(801*ms, down)
	at(802*ms, nil)
	g.Leave(802*ms, 802*ms, nil, 0.5)
	at(802*ms, nil)
	at(802*ms, nil)
	g.Leave(402*ms, 403*ms, denied, 0.5)
	at(403*ms+DeniedFor-1, denied)
	at(403*ms+DeniedFor, nil)
	g.Leave(6*time.Second, 6*time.Second, nil, 0.5)
	at(6*time.Second, nil)
	g.Leave(6*time.Second, 6*time.Second, down, 0.999)
	g.Reset()
	at(6*time.Second, nil)
	unclear := &hsm.Error{Class: hsm.Unclear}
	for range 20 {
		g.Leave(7*time.Second, 7*time.Second, unclear, 0.999)
	}
	at(7*time.Second+WhileUnclear.Max*99/100, unclear)
	at(7*time.Second+WhileUnclear.Max, nil)
}
