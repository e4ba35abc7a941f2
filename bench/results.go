package main

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
)

// results is what a run has found so far.
type results struct {
	samples  stats.Samples
	latency  map[caseOf]*hdrhistogram.Histogram // of all rounds together
	figures  []report.Figure
	sections []report.Section
	notes    map[string]any // measurements that are no samples, for raw.json
}

// A caseOf names one contestant in one trial.
type caseOf struct{ trial, contestant string }

func newResults() *results {
	return &results{latency: map[caseOf]*hdrhistogram.Histogram{}, notes: map[string]any{}}
}

// add keeps one turn of a contestant.
func (r *results) add(s stats.Sample, latency *hdrhistogram.Histogram) {
	r.samples = append(r.samples, s)
	key := caseOf{s.Case, s.Contestant}
	if r.latency[key] == nil {
		r.latency[key] = load.NewHistogram()
	}
	r.latency[key].Merge(latency)
}

func (r *results) section(s report.Section) { r.sections = append(r.sections, s) }

// figure adds f. A figure without a measurement keeps no NaN: JSON has none.
func (r *results) figure(f report.Figure) {
	if !f.Measured.Valid() {
		f.Measured = stats.Spread{}
	}
	r.figures = append(r.figures, f)
}

func (r *results) atMost(what string, target float64, s stats.Spread) {
	r.figure(report.Figure{What: what, Target: target, Measured: s})
}

func (r *results) atLeast(what string, target float64, s stats.Spread) {
	r.figure(report.Figure{What: what, Target: target, Measured: s, AtLeast: true})
}

// table shows a trial, one row per contestant.
func (r *results) table(title, id string, list []contestant) report.Table {
	t := report.Table{Title: title, Columns: []string{"contestant", "requests/s", "× no-op", "p50 ms", "p90", "p99", "p99.9",
		"added p50", "added p99", "processor CPU µs", "× no-op", "Envoy CPU µs", "× no-op"}}
	floor := r.latency[caseOf{id, nameNone}]
	for _, c := range list {
		h := r.latency[caseOf{id, c.name}]
		cell := func(m stats.Metric) string { return stats.Number(r.samples.Spread(id, c.name, m).Median) }
		times := func(m stats.Metric) string { return r.samples.Ratio(id, c.name, nameNoop, m).String() }
		at := func(q float64) string { return ms(h.ValueAtQuantile(q)) }
		added := func(q float64) string {
			if floor == nil || c.name == nameNone {
				return "–"
			}
			return ms(h.ValueAtQuantile(q) - floor.ValueAtQuantile(q))
		}
		t.Rows = append(t.Rows, []string{c.name, cell(stats.PerSecond), times(stats.PerSecond), at(50), at(90), at(99), at(99.9), added(50), added(99),
			cell(stats.ProcessorCPU), times(stats.ProcessorCPU), cell(stats.EnvoyCPU), times(stats.EnvoyCPU)})
	}
	return t
}

func ms(us int64) string { return fmt.Sprintf("%.2f", float64(us)/1000) }
