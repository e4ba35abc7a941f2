package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/sealmesh/sealmesh/bench/testbed"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// A bench is one run of experiments.
type bench struct {
	*progress
	*results
	testbed *testbed.Testbed
	quick   bool
	rounds  float64                   // factor of the number of rounds
	seed    uint64                    // of arrival times
	load    string                    // load average before the run
	stacks  map[string]*testbed.Stack // those that run, by name
}

func newBench(tb *testbed.Testbed, p *progress) *bench {
	return &bench{progress: p, results: newResults(), testbed: tb, rounds: 1, seed: 1, load: loadAverage(), stacks: map[string]*testbed.Stack{}}
}

// An experiment answers one question.
type experiment struct {
	name string
	run  func(context.Context, *bench) error
	cost time.Duration // estimate, for the time left
}

// experiments lists the experiments in order. Sizes rise, and experiments that
// need much memory come last: the peak of a process never falls.
func experiments(b *bench) []experiment {
	second := time.Second
	list := []experiment{
		{"forms", forms, pick(b, 26*second, 240*second)},
		{"sizes", sizes, pick(b, 14*second, 75*second)},
		{"fields", fields, pick(b, 8*second, 60*second)},
		{"pace", pace, pick(b, 14*second, 100*second)},
		{"unruled", unruled, pick(b, 6*second, 34*second)},
		{"keys", keys, pick(b, 5*second, 35*second)},
		{"library", libraries, pick(b, 8*second, 30*second)},
		{"formats", bodyFormats, pick(b, 4*second, 12*second)},
		{"stream", stream, pick(b, 6*second, 25*second)},
	}
	if b.quick {
		return list
	}
	return append(list,
		experiment{"directions", directions, 25 * second},
		experiment{"allocations", allocations, 20 * second},
		experiment{"kek", kek, 20 * second},
		experiment{"cold", cold, 15 * second},
		experiment{"ablations", ablations, 70 * second},
	)
}

// pick returns q if the run is quick, else full.
func pick[T any](b *bench, q, full T) T {
	if b.quick {
		return q
	}
	return full
}

// all runs the experiments that match, in order.
func (b *bench) all(ctx context.Context, match *regexp.Regexp) error {
	list := slices.DeleteFunc(experiments(b), func(e experiment) bool { return !match.MatchString(e.name) })
	for i := range list {
		list[i].cost = time.Duration(float64(list[i].cost) * b.rounds)
		b.total += list[i].cost.Seconds()
	}
	at := 0.0
	for _, e := range list {
		began := time.Now()
		b.done = at
		if err := e.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		at += e.cost.Seconds()
		b.say("%-12s done in %v", e.name, time.Since(began).Round(time.Second))
	}
	return nil
}
