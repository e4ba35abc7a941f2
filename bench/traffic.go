package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
)

// pace measures latency at fixed rates, given as shares of what the stock no-op
// can take.
func pace(ctx context.Context, b *bench) error {
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
			t.contestants = []contestant{list[0], list[1], list[3]} // the naive server would only queue
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

// unruled measures the cost of sealmesh on a route without rules.
func unruled(ctx context.Context, b *bench) error {
	t := trial{id: "unruled", contestants: []contestant{{nameNone, bare, "/skip/1"}, {nameSkip, ours, "/skip/1"}},
		body: load.NewDocument(2*kib, 5), conns: 16, turn: turnTime / 2, rounds: pick(b, 6, 40), restarts: pick(b, 2, 8)}
	if err := b.run(ctx, t); err != nil {
		return err
	}
	r := b.samples.Ratio(t.id, nameSkip, nameNone, stats.PerSecond)
	b.section(report.Section{Title: "A route without rules", Text: "The filter is off on it: requests/s are " + r.String() + " × those of an Envoy without ext_proc."})
	b.atLeast("route without rules: requests/s, × no ext_proc at all", 0.98, r)
	return nil
}

// directions measures requests and responses separately.
func directions(ctx context.Context, b *bench) error {
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
