// Package stats summarizes the rounds of a comparison.
//
// A machine that does other work is slow in one round and fast in the next. So
// contestants take turns within each round, ratios are taken within a round,
// and the result is the median over rounds with its quartiles.
package stats

import (
	"fmt"
	"math"
	"slices"
)

// A Spread is a median and its quartiles.
type Spread struct {
	Low, Median, High float64
	N                 int // rounds
}

// Of returns the spread of values. It ignores NaNs.
func Of(values []float64) Spread {
	v := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(v) == 0 {
		return Spread{math.NaN(), math.NaN(), math.NaN(), 0}
	}
	slices.Sort(v)
	return Spread{quantile(v, 0.25), quantile(v, 0.5), quantile(v, 0.75), len(v)}
}

// Ratios returns the spread of a[i]/b[i]. It ignores rounds that are missing in
// a or b.
func Ratios(a, b []float64) Spread {
	n := min(len(a), len(b))
	out := make([]float64, 0, n)
	for i := range n {
		if b[i] != 0 {
			out = append(out, a[i]/b[i])
		}
	}
	return Of(out)
}

// quantile interpolates between the neighbours of q in sorted.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Valid reports whether anything was measured.
func (s Spread) Valid() bool { return s.N > 0 && !math.IsNaN(s.Median) && !math.IsInf(s.Median, 0) }

// Times returns s multiplied by f, to convert units.
func (s Spread) Times(f float64) Spread { return Spread{s.Low * f, s.Median * f, s.High * f, s.N} }

// String shows the median and the quartiles.
func (s Spread) String() string {
	if !s.Valid() {
		return "not measured"
	}
	return fmt.Sprintf("%s [%s, %s]", Number(s.Median), Number(s.Low), Number(s.High))
}

// Number shows three significant digits, or all digits before the point.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "–"
	case a >= 1000:
		return Thousands(int64(math.Round(v)))
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// Thousands writes n with a comma between thousands.
func Thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
