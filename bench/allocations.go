package main

import (
	"context"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
)

// allocations counts heap objects in processes that report them.
func allocations(ctx context.Context, b *bench) error {
	list := []contestant{{nameNoop, noop, "/both/1"}, {nameNaive, naive, "/both/1"}, {nameOurs, wired, "/both/1"}}
	table := report.Table{Columns: []string{"body", nameNoop, nameNaive, nameOurs}}
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

// less is the difference of two spreads, divided by n.
func less(a, b stats.Spread, n float64) stats.Spread {
	return stats.Spread{Low: (a.Low - b.High) / n, Median: (a.Median - b.Median) / n, High: (a.High - b.Low) / n, N: min(a.N, b.N)}
}
