package stats

import (
	"math"
	"testing"
)

func TestOf(t *testing.T) {
	s := Of([]float64{5, 1, 4, 2, 3, math.NaN()})
	if s != (Spread{2, 3, 4, 5}) {
		t.Errorf("got %+v", s)
	}
	if s := Of([]float64{1, 2}); s.Median != 1.5 || s.Low != 1.25 {
		t.Errorf("two values: %+v", s)
	}
	if Of(nil).Valid() {
		t.Error("nothing is valid")
	}
}

// A machine that is twice as slow in some rounds changes no ratio.
func TestRatiosWithinRounds(t *testing.T) {
	s := Ratios([]float64{10, 20, 10, 40}, []float64{20, 40, 20, 80, 1})
	if s != (Spread{0.5, 0.5, 0.5, 4}) {
		t.Errorf("got %+v", s)
	}
	if s := Ratios([]float64{1}, []float64{0}); s.Valid() {
		t.Errorf("a ratio to nothing: %+v", s)
	}
}

func TestSamples(t *testing.T) {
	all := Samples{
		{Case: "a", Contestant: "x", Requests: 10, Seconds: 2, Processor: 50, P99: 30},
		{Case: "a", Contestant: "y", Requests: 20, Seconds: 2, Processor: 50, P99: 50},
		{Case: "a", Contestant: "none", Requests: 20, Seconds: 2, P99: 10},
		{Case: "b", Contestant: "y", Requests: 1, Seconds: 2, Processor: 50},
	}
	if r := all.Ratio("a", "x", "y", PerSecond); r.Median != 0.5 {
		t.Errorf("requests/s: %+v", r)
	}
	if r := all.Ratio("a", "x", "y", ProcessorCPU); r.Median != 2 {
		t.Errorf("cpu: %+v", r)
	}
	if r := all.Added("a", "x", "y", "none", P99); r.Median != 0.5 {
		t.Errorf("added: %+v", r)
	}
	if r := all.Ratio("a", "x", "absent", PerSecond); r.Valid() {
		t.Errorf("against nobody: %+v", r)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0.123: "0.12", 12.34: "12.3", 123.4: "123", 1234567: "1,234,567", -1234: "-1,234", 999.6: "1000"} {
		if got := Number(v); got != want {
			t.Errorf("Number(%v) = %s, want %s", v, got, want)
		}
	}
}
