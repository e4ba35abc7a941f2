package main

import (
	"context"
	"fmt"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/testbed"
)

// ablation is sealmesh with one setting changed.
func ablation(name string, args ...string) contestant {
	return contestant{name, testbed.Spec{Name: "ablation-" + name, Kind: testbed.Embedded, Args: args}, "/both/1"}
}

// ablations measures what the transport and each runtime setting contribute:
// sealmesh without them, against sealmesh as shipped.
func ablations(ctx context.Context, b *bench) error {
	list := []contestant{
		{nameNoop, noop, "/both/1"},
		{"as shipped", wired, "/both/1"},
		ablation("served by grpc-go", "-grpc"),
		ablation("windows of 64 KiB", "-window", "65536"),
		ablation("windows of 1 MiB", "-window", "1048576"),
		ablation("GOGC=100", "-gogc", "100"),
		ablation("GOGC=400", "-gogc", "400"),
		ablation("GOMAXPROCS=1", "-procs", "1"),
		ablation("grpc-go, GOMAXPROCS=1", "-grpc", "-procs", "1"),
	}
	s := report.Section{Title: "Ablations", Text: "What the transport and the settings of the runtime are worth to sealmesh: 2 KiB, 5 fields, sealed and opened."}
	for _, conns := range []int{1, 16} {
		t := trial{id: fmt.Sprintf("ablations/c%d", conns), contestants: list, body: load.NewDocument(2*kib, 5),
			conns: conns, turn: turnTime, rounds: pick(b, 4, 9)}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		s.Tables = append(s.Tables, b.table(fmt.Sprintf("concurrency %d", conns), t.id, list))
	}
	b.section(s)
	return nil
}
