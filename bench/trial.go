package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/stats"
	"github.com/sealmesh/sealmesh/bench/testbed"
)

// spanDelay is the time that a processor has after each turn to export its
// spans. Its CPU clock is read afterwards.
const spanDelay = 150 * time.Millisecond

// turnTime is how long most turns last.
const turnTime = 400 * time.Millisecond

// A contestant is a stack and the path that its requests have.
type contestant struct {
	name string
	spec testbed.Spec
	path string
}

// A trial is one comparison: contestants take turns under the same load.
type trial struct {
	id          string
	contestants []contestant
	body        []byte
	conns       int
	rate        float64 // requests per second of an open loop; 0: a closed loop
	turn        time.Duration
	rounds      int
	restarts    int  // how often each process is started (address layout changes its speed); 0 means once
	prepared    bool // the upstream already has the answers for /open/, and responses were checked
}

// A turn is what one contestant does in each round.
type turn struct {
	*trial
	contestant
	stack   *testbed.Stack
	request *load.Request
}

func (k *turn) pick(int64) *load.Request { return k.request }

// stack returns the running stack of spec. It starts the stack if necessary.
func (b *bench) stack(ctx context.Context, spec testbed.Spec) (*testbed.Stack, error) {
	if s := b.stacks[spec.Name]; s != nil {
		return s, nil
	}
	s, err := b.testbed.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	b.stacks[spec.Name] = s
	return s, nil
}

// run runs t. Every contestant has one turn in each round, and each round
// begins with a different contestant.
func (b *bench) run(ctx context.Context, t trial) error {
	n := max(int(float64(t.rounds)*b.rounds), 1)
	restarts := min(max(t.restarts, 1), n)
	for start := range restarts {
		if start > 0 {
			b.stop(t.contestants)
		}
		turns, err := b.ready(ctx, &t)
		if err != nil {
			return err
		}
		for round := start * n / restarts; round < (start+1)*n/restarts; round++ {
			for i := range turns {
				if err := ctx.Err(); err != nil {
					return err
				}
				k := &turns[(i+round)%len(turns)]
				b.step(fmt.Sprintf("%s, round %d of %d: %s", t.id, round+1, n, k.name), t.turn+spanDelay)
				if err := b.take(k, round); err != nil {
					return fmt.Errorf("%s: %s: %w", t.id, k.name, err)
				}
			}
		}
	}
	return nil
}

// ready starts the contestants of t, checks them and warms them up.
func (b *bench) ready(ctx context.Context, t *trial) ([]turn, error) {
	turns := make([]turn, len(t.contestants))
	for i, c := range t.contestants {
		s, err := b.stack(ctx, c.spec)
		if err != nil {
			return nil, err
		}
		turns[i] = turn{trial: t, contestant: c, stack: s, request: request(c.path, t.body)}
		if t.prepared {
			continue
		}
		if err := b.check(&turns[i]); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", t.id, c.name, err)
		}
		s.Client.Closed(t.conns, t.turn/3, turns[i].pick)
	}
	return turns, nil
}

// stop ends the processes of list. Their next use starts them again.
func (b *bench) stop(list []contestant) {
	for _, c := range list {
		if s := b.stacks[c.spec.Name]; s != nil {
			s.Stop()
			delete(b.stacks, c.spec.Name)
		}
	}
}

// take runs one turn and adds it to the results.
func (b *bench) take(k *turn, round int) error {
	before, err := k.stack.Usage()
	if err != nil {
		return err
	}
	mallocs := allocated(k.stack)
	var res load.Result
	if k.rate > 0 {
		res = k.stack.Client.Open(k.conns, load.Schedule(b.seed+uint64(round), k.rate, k.turn), k.request)
	} else {
		res = k.stack.Client.Closed(k.conns, k.turn, k.pick)
	}
	time.Sleep(spanDelay)
	after, err := k.stack.Usage()
	if err != nil {
		return err
	}
	if err := res.Check(); err != nil {
		return err
	}
	h := res.Latency
	b.add(stats.Sample{
		Case: k.id, Contestant: k.name, Round: round, Requests: res.Requests, Seconds: res.Seconds,
		P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90), P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9),
		Processor: micros(after.Processor - before.Processor), Envoy: micros(after.Envoy - before.Envoy), Self: micros(after.Self - before.Self),
		Mallocs: allocated(k.stack) - mallocs, Spans: after.Spans - before.Spans,
	}, h)
	return nil
}

func micros(d time.Duration) float64 { return float64(d.Microseconds()) }

// allocated returns the number of heap objects that a processor has allocated
// so far, and 0 if the processor does not report it.
func allocated(s *testbed.Stack) uint64 {
	if s.Kind == testbed.None || s.Kind == testbed.Sealmesh {
		return 0
	}
	st, err := s.Stats()
	if err != nil {
		return 0
	}
	return st.Mallocs
}
