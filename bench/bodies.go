package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
)

// forms measures the common case, 2 KiB with 5 fields, in every form and at
// several concurrencies.
func forms(ctx context.Context, b *bench) error {
	s := report.Section{Title: "2 KiB, 5 fields: every form", Text: "Sealed in the request, echoed by the upstream, opened in the response, unless the name says otherwise. Closed loop."}
	list := allForms(b.quick)
	for _, c := range []struct{ conns, rounds int }{
		{1, 7}, {4, 7}, {16, 15}, // most targets are for 16, which varies most between rounds
	} {
		t := trial{id: fmt.Sprintf("forms/c%d", c.conns), contestants: list, body: load.NewDocument(2*kib, 5),
			conns: c.conns, turn: pick(b, 250*time.Millisecond, turnTime), rounds: pick(b, 2, c.rounds), restarts: pick(b, 1, 3)}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		s.Tables = append(s.Tables, b.table(fmt.Sprintf("concurrency %d", c.conns), t.id, list))
	}
	s.Plots = append(s.Plots, b.throughput(list), b.cpuPlot("forms/c16", list))
	b.section(s)
	both := "2 KiB, 5 fields sealed and opened: "
	b.atMost(both+"processor CPU, × stock no-op, concurrency 16", 0.75, b.samples.Ratio("forms/c16", nameOurs, nameNoop, stats.ProcessorCPU))
	b.atMost(both+"processor CPU, × stock no-op, concurrency 1", 0.9, b.samples.Ratio("forms/c1", nameOurs, nameNoop, stats.ProcessorCPU))
	b.atLeast(both+"requests/s, × stock no-op, concurrency 16", 1.15, b.samples.Ratio("forms/c16", nameOurs, nameNoop, stats.PerSecond))
	b.atLeast("2 KiB, 5 fields, rules on requests only: requests/s, × stock no-op with four pairs", 1.3, b.samples.Ratio("forms/c16", nameRequest, nameNoop, stats.PerSecond))
	b.atMost(both+"Envoy's own CPU, × stock no-op, concurrency 16", 0.95, b.samples.Ratio("forms/c16", nameOurs, nameNoop, stats.EnvoyCPU))
	b.atMost(both+"processor CPU, × naive server, concurrency 16", 0.2, b.samples.Ratio("forms/c16", nameOurs, nameNaive, stats.ProcessorCPU))
	return nil
}

// sizes measures bodies from 512 B to 10 MiB.
func sizes(ctx context.Context, b *bench) error {
	s := report.Section{Title: "Body size", Text: "5 fields (50 in 220 KiB), sealed and opened. Closed loop, concurrency 4. Memory is the peak of the processor's resident set so far; sizes rise."}
	memory := report.Table{Title: "peak memory of the processor, MiB", Columns: []string{"body", nameNoop, nameNaive, nameOurs}}
	var points []point
	for _, c := range []struct {
		name         string
		size, fields int
	}{{"512 B", 512, 5}, {"2 KiB", 2 * kib, 5}, {"16 KiB", 16 * kib, 5}, {"220 KiB", 220 * kib, 50}, {"10 MiB", 10 * mib, 5}} {
		t := trial{id: "size/" + c.name, contestants: four("/both/1"), body: load.NewDocument(c.size, c.fields),
			conns: 4, turn: pick(b, 250*time.Millisecond, turnTime), rounds: pick(b, 2, 7)}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		s.Tables = append(s.Tables, b.table(c.name, t.id, t.contestants))
		p := point{Tick: report.Tick{Value: float64(c.size), Label: c.name}, id: t.id, memory: map[string]float64{}}
		row := []string{c.name}
		for _, k := range t.contestants[1:] {
			m, err := b.stacks[k.spec.Name].Memory()
			if err != nil {
				return err
			}
			p.memory[k.name] = float64(m.ProcessorPeak) / mib
			row = append(row, stats.Number(p.memory[k.name]))
		}
		memory.Rows = append(memory.Rows, row)
		points = append(points, p)
	}
	s.Tables = append(s.Tables, memory)
	s.Plots = append(s.Plots, b.addedPlot("added-by-size", "Added median latency by body size", "body", points), memoryPlot(points))
	b.section(s)
	b.atLeast("220 KiB, 50 fields: requests/s, × naive server", 5, b.samples.Ratio("size/220 KiB", nameOurs, nameNaive, stats.PerSecond))
	return nil
}

// noFields is the position of the value 0 on a logarithmic axis.
const noFields = 0.3

// fields measures a body of 220 KiB with none to a thousand fields.
func fields(ctx context.Context, b *bench) error {
	s := report.Section{Title: "Fields", Text: "220 KiB, sealed and opened. Closed loop, concurrency 4."}
	var points []point
	for _, n := range pick(b, []int{0, 50, 1000}, []int{0, 1, 5, 50, 1000}) {
		t := trial{id: fmt.Sprintf("fields/%d", n), contestants: four("/both/1"), body: load.NewDocument(220*kib, n),
			conns: 4, turn: pick(b, 250*time.Millisecond, turnTime), rounds: pick(b, 2, 6)}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		s.Tables = append(s.Tables, b.table(fmt.Sprintf("%d fields", n), t.id, t.contestants))
		at := report.Tick{Value: float64(n), Label: fmt.Sprint(n)}
		if n == 0 {
			at.Value = noFields
		}
		points = append(points, point{Tick: at, id: t.id})
	}
	s.Plots = append(s.Plots, b.addedPlot("added-by-fields", "Added median latency by fields in 220 KiB", "fields", points))
	b.section(s)
	return nil
}
