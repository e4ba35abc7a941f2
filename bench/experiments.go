package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// experiments are all of them, in order.
func (b *bench) experiments() []experiment {
	list := []experiment{
		{"forms", b.forms, 40 * time.Second},
		{"sizes", b.sizes, 30 * time.Second},
		{"levers", b.levers, 60 * time.Second},
	}
	return list
}

// pick returns q when the run is quick, else full.
func pick[T any](b *bench, q, full T) T {
	if b.quick {
		return q
	}
	return full
}

// forms measures the common case, 2 KiB with 5 fields, in every form, at several concurrencies.
func (b *bench) forms(ctx context.Context) error {
	s := report.Section{Title: "2 KiB, 5 fields: every form", Text: "Sealed in the request, echoed by the upstream, opened in the response, unless the name says otherwise. Closed loop."}
	list := forms(b.quick)
	for _, conns := range []int{1, 4, 16} {
		t := trial{id: fmt.Sprintf("forms/c%d", conns), contestants: list, body: load.NewDocument(2*kib, 5),
			conns: conns, turn: pick(b, 300*time.Millisecond, 400*time.Millisecond), rounds: pick(b, 4, 11)}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		s.Tables = append(s.Tables, b.table(fmt.Sprintf("concurrency %d", conns), t.id, list))
	}
	b.sections = append(b.sections, s)
	return nil
}

// sizes measures bodies from 512 B to 10 MiB.
func (b *bench) sizes(ctx context.Context) error {
	s := report.Section{Title: "Body size", Text: "5 fields (50 in 220 KiB), sealed and opened. Closed loop, concurrency 4."}
	for _, c := range []struct {
		name         string
		size, fields int
	}{{"512 B", 512, 5}, {"2 KiB", 2 * kib, 5}, {"16 KiB", 16 * kib, 5}, {"220 KiB", 220 * kib, 50}, {"10 MiB", 10 * mib, 5}} {
		t := trial{id: "size/" + c.name, contestants: four("/both/1"), body: load.NewDocument(c.size, c.fields),
			conns: 4, turn: 300 * time.Millisecond, rounds: pick(b, 2, 7)}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		s.Tables = append(s.Tables, b.table(c.name, t.id, t.contestants))
	}
	b.sections = append(b.sections, s)
	return nil
}

// table shows a trial, a row per contestant.
func (b *bench) table(title, id string, list []contestant) report.Table {
	t := report.Table{Title: title, Columns: []string{"contestant", "requests/s", "× no-op", "p50 ms", "p90", "p99", "p99.9",
		"added p50", "added p99", "processor CPU µs", "× no-op", "Envoy CPU µs", "× no-op"}}
	floor := b.latency[[2]string{id, nameNone}]
	for _, c := range list {
		h := b.latency[[2]string{id, c.name}]
		cell := func(m stats.Metric) string { return stats.Number(b.samples.Spread(id, c.name, m).Median) }
		times := func(m stats.Metric) string { return b.samples.Ratio(id, c.name, nameNoop, m).String() }
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
