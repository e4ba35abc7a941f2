package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/rig"
)

// lever is one thing turned about sealmesh.
func lever(name string, args ...string) contestant {
	return contestant{name, rig.Spec{Name: "lever-" + name, Kind: rig.Levers, Args: args}, "/both/1"}
}

// levers measures what each setting of the runtime and of grpc-go is worth to
// sealmesh, against the same program without it.
func (b *bench) levers(ctx context.Context) error {
	list := []contestant{
		{nameNoop, noop, "/both/1"},
		{"as shipped", wired, "/both/1"},
		lever("grpc-go and Go defaults", "-workers", "0", "-window", "0", "-gogc", "100"),
		lever("no stream workers", "-workers", "0"),
		lever("dynamic windows", "-window", "0"),
		lever("GOGC=100", "-gogc", "100"),
		lever("GOGC=400", "-gogc", "400"),
		lever("buffers of 128 KiB", "-read-buffer", "131072", "-write-buffer", "131072"),
		lever("GOMAXPROCS=1", "-procs", "1"),
	}
	s := report.Section{Title: "Levers", Text: "What settings of the runtime and of grpc-go are worth to sealmesh: 2 KiB, 5 fields, sealed and opened."}
	for _, conns := range []int{1, 16} {
		t := trial{id: fmt.Sprintf("levers/c%d", conns), contestants: list, body: load.NewDocument(2*kib, 5),
			conns: conns, turn: 400 * time.Millisecond, rounds: pick(b, 4, 9)}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		s.Tables = append(s.Tables, b.table(fmt.Sprintf("concurrency %d", conns), t.id, list))
	}
	b.sections = append(b.sections, s)
	return nil
}
