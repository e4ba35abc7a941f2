package main

import (
	"fmt"

	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
)

// maxLines is the largest number of lines that one plot can keep apart.
const maxLines = 8

// A point is one trial of a series of trials.
type point struct {
	report.Tick
	id     string
	memory map[string]float64 // MiB, by contestant
}

// throughput plots requests/s against concurrency.
func (r *results) throughput(list []contestant) report.Plot {
	var points []point
	for _, n := range []int{1, 4, 16} {
		points = append(points, point{Tick: report.Tick{Value: float64(n), Label: fmt.Sprint(n)}, id: fmt.Sprintf("forms/c%d", n)})
	}
	var names []string
	for _, c := range list[:min(len(list), maxLines)] {
		names = append(names, c.name)
	}
	return report.Plot{Name: "throughput", Title: "2 KiB, 5 fields: requests/s by concurrency",
		X: report.Axis{Label: "concurrency", Log: true, Ticks: ticks(points)}, Y: report.Axis{Label: "requests/s"},
		Lines: lines(names, points, func(p point, name string) stats.Spread { return r.samples.Spread(p.id, name, stats.PerSecond) })}
}

// cpuPlot plots where the CPU time of a request is spent.
func (r *results) cpuPlot(id string, list []contestant) report.Plot {
	p := report.Plot{Name: "cpu", Title: "2 KiB, 5 fields, concurrency 16: CPU per request",
		X: report.Axis{Label: "µs of CPU per request"}, Parts: []string{"processor", "Envoy", "load generator, upstream, collector"}}
	for _, c := range list {
		bar := report.Bar{Name: c.name}
		for _, m := range []stats.Metric{stats.ProcessorCPU, stats.EnvoyCPU, stats.SelfCPU} {
			bar.Parts = append(bar.Parts, r.samples.Spread(id, c.name, m).Median)
		}
		all := r.samples.Spread(id, c.name, stats.AllCPU)
		bar.Low, bar.High = all.Low, all.High
		p.Bars = append(p.Bars, bar)
	}
	return p
}

// addedPlot plots what contestants add to the median latency of an Envoy
// without ext_proc.
func (r *results) addedPlot(name, title, x string, points []point) report.Plot {
	return report.Plot{Name: name, Title: title,
		X: report.Axis{Label: x, Log: true, Ticks: ticks(points)}, Y: report.Axis{Label: "ms added to p50", Log: true},
		Lines: lines(processors(), points, func(p point, name string) stats.Spread {
			return r.samples.Difference(p.id, name, nameNone, stats.P50).Times(1. / 1000)
		})}
}

func memoryPlot(points []point) report.Plot {
	return report.Plot{Name: "memory-by-size", Title: "Peak memory of the processor by body size, concurrency 4",
		X: report.Axis{Label: "body", Log: true, Ticks: ticks(points)}, Y: report.Axis{Label: "MiB", Log: true},
		Lines: lines(processors(), points, func(p point, name string) stats.Spread { return stats.Of([]float64{p.memory[name]}) })}
}

// processors names the contestants that have an ext_proc server.
func processors() []string { return []string{nameNoop, nameNaive, nameOurs} }

// lines makes one line per contestant of what was measured at points.
func lines(names []string, points []point, measured func(point, string) stats.Spread) []report.Line {
	out := make([]report.Line, len(names))
	for i, name := range names {
		out[i].Name = name
		for _, p := range points {
			if s := measured(p, name); s.Valid() {
				out[i].Points = append(out[i].Points, report.Point{X: p.Value, Y: s.Median, Low: s.Low, High: s.High})
			}
		}
	}
	return out
}

func ticks(points []point) []report.Tick {
	out := make([]report.Tick, len(points))
	for i, p := range points {
		out[i] = p.Tick
	}
	return out
}
