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

// experiments are all of them, in order. Sizes come in rising order, and before what
// needs much memory, since a process's peak never falls.
func (b *bench) experiments() []experiment {
	second := time.Second
	list := []experiment{
		{"forms", b.forms, pick(b, 26*second, 240*second)},
		{"sizes", b.sizes, pick(b, 14*second, 75*second)},
		{"fields", b.fields, pick(b, 8*second, 60*second)},
		{"pace", b.pace, pick(b, 14*second, 100*second)},
		{"unruled", b.unruled, pick(b, 6*second, 34*second)},
		{"keys", b.keys, pick(b, 5*second, 35*second)},
		{"library", b.library, pick(b, 8*second, 30*second)},
		{"stream", b.stream, pick(b, 6*second, 25*second)},
	}
	if b.quick {
		return list
	}
	return append(list,
		experiment{"directions", b.directions, 25 * second},
		experiment{"allocations", b.allocations, 20 * second},
		experiment{"kek", b.kek, 20 * second},
		experiment{"cold", b.cold, 15 * second},
		experiment{"levers", b.levers, 70 * second},
	)
}

// pick returns q when the run is quick, else full.
func pick[T any](b *bench, q, full T) T {
	if b.quick {
		return q
	}
	return full
}

const turnTime = 400 * time.Millisecond

// forms measures the common case, 2 KiB with 5 fields, in every form, at several concurrencies.
func (b *bench) forms(ctx context.Context) error {
	s := report.Section{Title: "2 KiB, 5 fields: every form", Text: "Sealed in the request, echoed by the upstream, opened in the response, unless the name says otherwise. Closed loop."}
	list := forms(b.quick)
	for _, c := range []struct{ conns, rounds int }{
		{1, 7}, {4, 7}, {16, 15}, // 16 is what most targets ask for, and differs most between rounds
	} {
		t := trial{id: fmt.Sprintf("forms/c%d", c.conns), contestants: list, body: load.NewDocument(2*kib, 5),
			conns: c.conns, turn: pick(b, 250*time.Millisecond, turnTime), rounds: pick(b, 2, c.rounds), lives: pick(b, 1, 3)}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		s.Tables = append(s.Tables, b.table(fmt.Sprintf("concurrency %d", c.conns), t.id, list))
	}
	s.Plots = append(s.Plots, b.throughput(list), b.stacked("forms/c16", list))
	b.section(s)
	both := "2 KiB, 5 fields sealed and opened: "
	b.atMost(both+"processor CPU, × stock no-op, concurrency 16", 0.75, b.samples.Ratio("forms/c16", nameOurs, nameNoop, stats.ProcessorCPU))
	b.atMost(both+"processor CPU, × stock no-op, concurrency 1", 0.9, b.samples.Ratio("forms/c1", nameOurs, nameNoop, stats.ProcessorCPU))
	b.atLeast(both+"requests/s, × stock no-op, concurrency 16", 1.15, b.samples.Ratio("forms/c16", nameOurs, nameNoop, stats.PerSecond))
	b.atLeast("2 KiB, 5 fields, rules on requests only: requests/s, × stock no-op with four pairs", 1.3, b.samples.Ratio("forms/c16", nameRequest, nameNoop, stats.PerSecond))
	b.atMost(both+"Envoy's own CPU, × stock no-op, concurrency 16", 0.95, b.samples.Ratio("forms/c16", nameOurs, nameNoop, stats.EnvoyCPU))
	b.atMost(both+"processor CPU, × straightforward server, concurrency 16", 0.2, b.samples.Ratio("forms/c16", nameOurs, nameStraight, stats.ProcessorCPU))
	return nil
}

// sizes measures bodies from 512 B to 10 MiB.
func (b *bench) sizes(ctx context.Context) error {
	s := report.Section{Title: "Body size", Text: "5 fields (50 in 220 KiB), sealed and opened. Closed loop, concurrency 4. Memory is the peak of the processor's resident set so far; sizes rise."}
	memory := report.Table{Title: "peak memory of the processor, MiB", Columns: []string{"body", nameNoop, nameStraight, nameOurs}}
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
		p := point{x: float64(c.size), id: t.id, memory: map[string]float64{}}
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
	s.Plots = append(s.Plots, b.addedPlot("added-by-size", "Added median latency by body size", "body", points, sizeTick), memoryPlot(points))
	b.section(s)
	b.atLeast("220 KiB, 50 fields: requests/s, × straightforward server", 5, b.samples.Ratio("size/220 KiB", nameOurs, nameStraight, stats.PerSecond))
	return nil
}

// fields measures a body of 220 KiB with none to a thousand fields.
func (b *bench) fields(ctx context.Context) error {
	s := report.Section{Title: "Fields", Text: "220 KiB, sealed and opened. Closed loop, concurrency 4."}
	var points []point
	for _, n := range pick(b, []int{0, 50, 1000}, []int{0, 1, 5, 50, 1000}) {
		t := trial{id: fmt.Sprintf("fields/%d", n), contestants: four("/both/1"), body: load.NewDocument(220*kib, n),
			conns: 4, turn: pick(b, 250*time.Millisecond, turnTime), rounds: pick(b, 2, 6)}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		s.Tables = append(s.Tables, b.table(fmt.Sprintf("%d fields", n), t.id, t.contestants))
		points = append(points, point{x: float64(max(n, 1)) * min(1, float64(n)+0.3), id: t.id})
	}
	s.Plots = append(s.Plots, b.addedPlot("added-by-fields", "Added median latency by fields in 220 KiB", "fields", points, func(v float64) string {
		if v < 1 {
			return "0"
		}
		return fmt.Sprint(v)
	}))
	b.section(s)
	return nil
}

// pace measures latency at fixed rates, shares of what the stock no-op can take.
func (b *bench) pace(ctx context.Context) error {
	body := load.NewDocument(2*kib, 5)
	t := trial{id: "pace/saturation", contestants: []contestant{{nameNoop, noop, "/both/1"}}, body: body, conns: 16, turn: turnTime, rounds: 3}
	if err := b.run(ctx, t); err != nil {
		return err
	}
	saturation := b.samples.Spread(t.id, nameNoop, stats.PerSecond).Median
	s := report.Section{Title: "Fixed rates", Text: fmt.Sprintf("2 KiB, 5 fields. Open loop, Poisson arrivals, times count from when a request was due. Rates are shares of the stock no-op's saturation, %s requests/s.", stats.Number(saturation))}
	list := four("/both/1")
	for _, share := range pick(b, []int{50}, []int{25, 50, 75}) {
		t := trial{id: fmt.Sprintf("pace/%d%%", share), contestants: list, body: body, conns: 64,
			rate: saturation * float64(share) / 100, turn: pick(b, 600*time.Millisecond, time.Second), rounds: pick(b, 3, 7)}
		if share == 75 {
			t.contestants = []contestant{list[0], list[1], list[3]} // the straightforward server would only queue
		}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		s.Tables = append(s.Tables, b.table(fmt.Sprintf("%d %%: %s requests/s", share, stats.Number(t.rate)), t.id, t.contestants))
	}
	b.section(s)
	b.atMost("2 KiB, 5 fields, half of saturation: p99 added over no ext_proc, × the stock no-op's", 1, b.samples.Added("pace/50%", nameOurs, nameNoop, nameNone, stats.P99))
	return nil
}

// unruled measures what sealmesh costs where it has nothing to do.
func (b *bench) unruled(ctx context.Context) error {
	t := trial{id: "unruled", contestants: []contestant{{nameNone, bare, "/skip/1"}, {nameSkip, ours, "/skip/1"}},
		body: load.NewDocument(2*kib, 5), conns: 16, turn: turnTime / 2, rounds: pick(b, 6, 40), lives: pick(b, 2, 8)}
	if err := b.run(ctx, t); err != nil {
		return err
	}
	r := b.samples.Ratio(t.id, nameSkip, nameNone, stats.PerSecond)
	b.section(report.Section{Title: "A route without rules", Text: "The filter is off on it: requests/s are " + r.String() + " × those of an Envoy without ext_proc."})
	b.atLeast("route without rules: requests/s, × no ext_proc at all", 0.98, r)
	return nil
}

// directions measures requests and responses apart.
func (b *bench) directions(ctx context.Context) error {
	s := report.Section{Title: "Directions", Text: "2 KiB, 5 fields. Closed loop, concurrency 16. To open, each contestant is given what it sealed; the no-op what was never sealed."}
	for _, d := range []string{"seal", "open"} {
		t := trial{id: "direction/" + d, body: load.NewDocument(2*kib, 5), conns: 16, turn: turnTime, rounds: 7}
		for _, c := range four("/" + d + "/") {
			c.path += "direction-" + c.spec.Name
			t.contestants = append(t.contestants, c)
		}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		s.Tables = append(s.Tables, b.table(d, t.id, t.contestants))
	}
	b.section(s)
	return nil
}

// allocations counts heap objects in processes that can tell.
func (b *bench) allocations(ctx context.Context) error {
	list := []contestant{{nameNoop, noop, "/both/1"}, {nameStraight, straight, "/both/1"}, {nameOurs, wired, "/both/1"}}
	table := report.Table{Columns: []string{"body", nameNoop, nameStraight, nameOurs}}
	per := map[string]stats.Spread{}
	for _, c := range []struct {
		name         string
		size, fields int
	}{{"2 KiB, 5 fields", 2 * kib, 5}, {"2 KiB, 20 fields", 2 * kib, 20}, {"12 KiB, 5 fields", 12 * kib, 5}} {
		t := trial{id: "allocations/" + c.name, contestants: list, body: load.NewDocument(c.size, c.fields), conns: 4, turn: turnTime, rounds: 5}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		row := []string{c.name}
		for _, k := range list {
			row = append(row, b.samples.Spread(t.id, k.name, stats.Allocations).String())
		}
		table.Rows = append(table.Rows, row)
		per[c.name] = b.samples.Spread(t.id, nameOurs, stats.Allocations)
	}
	b.section(report.Section{Title: "Heap allocations per exchange", Text: "Objects, of the whole process: the transport, the record of key uses and its export included. sealmesh is wired by the bench here, as cmd/sealmesh wires it.", Tables: []report.Table{table}})
	two, more, long := per["2 KiB, 5 fields"], per["2 KiB, 20 fields"], per["12 KiB, 5 fields"]
	b.atMost("heap allocations per exchange, 2 KiB, 5 fields sealed and opened", 80, two)
	b.atMost("heap allocations per field and direction more (5 to 20 fields; 0.1 is noise)", 0.1, less(more, two, 30))
	b.atMost("heap allocations per untouched KiB and direction more (2 to 12 KiB; 0.1 is noise)", 0.1, less(long, two, 20))
	return nil
}

// less is the difference of two spreads, shared among n.
func less(a, b stats.Spread, n float64) stats.Spread {
	return stats.Spread{Low: (a.Low - b.High) / n, Median: (a.Median - b.Median) / n, High: (a.High - b.Low) / n, N: min(a.N, b.N)}
}

func (b *bench) section(s report.Section) { b.sections = append(b.sections, s) }

func (b *bench) atMost(what string, target float64, s stats.Spread) {
	b.figures = append(b.figures, report.Figure{What: what, Target: target, Measured: s})
}

func (b *bench) atLeast(what string, target float64, s stats.Spread) {
	b.figures = append(b.figures, report.Figure{What: what, Target: target, Measured: s, AtLeast: true})
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

func sectionOf(t report.Table) report.Section {
	return report.Section{Title: t.Title, Tables: []report.Table{t}}
}
