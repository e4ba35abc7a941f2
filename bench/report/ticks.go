package report

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"

	"github.com/sealmesh/sealmesh/bench/stats"
)

// linearTicks labels four to nine round numbers.
func linearTicks(low, high float64) (out []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, m := range []float64{5, 2} {
		if (high-low)/(step*m) >= 4 {
			step *= m
			break
		}
	}
	for i := math.Ceil(low / step); i*step <= high; i++ {
		out = append(out, plot.Tick{Value: i * step, Label: label(i * step)})
	}
	return out
}

// logTicks labels powers of ten and, on a short axis, their doubles and
// fivefolds too.
func logTicks(low, high float64) (out []plot.Tick) {
	short := high/low < 200
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, m := range []float64{1, 2, 5} {
			t := plot.Tick{Value: m * math.Pow(10, e)}
			if t.Value < low || t.Value > high {
				continue
			}
			if m == 1 || short {
				t.Label = label(t.Value)
			}
			out = append(out, t)
		}
	}
	return out
}

func constantTicks(list []Tick) plot.ConstantTicks {
	out := make(plot.ConstantTicks, len(list))
	for i, t := range list {
		out[i] = plot.Tick{Value: t.Value, Label: t.Label}
	}
	return out
}

func label(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return stats.Thousands(int64(v))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
