package main

import (
	"fmt"

	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
)

// A point is one trial of a series.
type point struct {
	x      float64
	id     string
	memory map[string]float64 // MiB, by contestant
}

// throughput plots requests/s against concurrency.
func (b *bench) throughput(list []contestant) report.Plot {
	p := report.Plot{Name: "throughput", Title: "2 KiB, 5 fields: requests/s by concurrency", X: "concurrency", Y: "requests/s", LogX: true,
		XTick: func(v float64) string { return fmt.Sprint(v) }}
	for _, c := range list {
		l := report.Line{Name: c.name}
		for _, n := range []float64{1, 4, 16} {
			s := b.samples.Spread(fmt.Sprintf("forms/c%.0f", n), c.name, stats.PerSecond)
			l.Points = append(l.Points, report.Point{X: n, Y: s.Median, Low: s.Low, High: s.High})
		}
		if len(p.Lines) < 8 { // more could not be told apart
			p.Lines = append(p.Lines, l)
		}
	}
	return p
}

// stacked plots where the CPU time of a request goes.
func (b *bench) stacked(id string, list []contestant) report.Plot {
	p := report.Plot{Name: "cpu", Title: "2 KiB, 5 fields, concurrency 16: CPU per request", Y: "µs of CPU per request, median",
		Parts: []string{"processor", "Envoy", "load generator, upstream, collector"}}
	for _, c := range list {
		bar := report.Bar{Name: c.name}
		for _, m := range []stats.Metric{stats.ProcessorCPU, stats.EnvoyCPU, stats.SelfCPU} {
			bar.Parts = append(bar.Parts, b.samples.Spread(id, c.name, m).Median)
		}
		p.Bars = append(p.Bars, bar)
	}
	return p
}

// addedPlot plots what contestants add to the median latency without ext_proc.
func (b *bench) addedPlot(name, title, x string, points []point, tick func(float64) string) report.Plot {
	p := report.Plot{Name: name, Title: title, X: x, Y: "ms added to p50", LogX: true, LogY: true, XTick: tick}
	for _, c := range []string{nameNoop, nameStraight, nameOurs} {
		l := report.Line{Name: c}
		for _, at := range points {
			h, floor := b.latency[[2]string{at.id, c}], b.latency[[2]string{at.id, nameNone}]
			y := max(float64(h.ValueAtQuantile(50)-floor.ValueAtQuantile(50))/1000, 0.01)
			l.Points = append(l.Points, report.Point{X: at.x, Y: y, Low: y, High: y})
		}
		p.Lines = append(p.Lines, l)
	}
	return p
}

func memoryPlot(points []point) report.Plot {
	p := report.Plot{Name: "memory-by-size", Title: "Peak memory of the processor by body size, concurrency 4", X: "body", Y: "MiB", LogX: true, LogY: true, XTick: sizeTick}
	for _, c := range []string{nameNoop, nameStraight, nameOurs} {
		l := report.Line{Name: c}
		for _, at := range points {
			l.Points = append(l.Points, report.Point{X: at.x, Y: at.memory[c]})
		}
		p.Lines = append(p.Lines, l)
	}
	return p
}

func sizeTick(v float64) string {
	switch {
	case v >= mib:
		return fmt.Sprintf("%g MiB", v/mib)
	case v >= kib:
		return fmt.Sprintf("%g KiB", v/kib)
	}
	return fmt.Sprintf("%g B", v)
}
