package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/rig"
	"github.com/sealmesh/sealmesh/bench/stats"
)

// settle is how long a processor has, after each turn, to send the spans of it,
// before its clock is read.
const settle = 150 * time.Millisecond

// A bench is one run.
type bench struct {
	*progress
	rig    *rig.Rig
	quick  bool
	rounds float64
	seed   uint64
	load   string // average, before the run

	stacks   map[string]*rig.Stack
	samples  stats.Samples
	latency  map[[2]string]*hdrhistogram.Histogram // by case and contestant, all rounds
	figures  []report.Figure
	sections []report.Section
	notes    map[string]any // what is no sample, for the raw results
}

func (b *bench) start() {
	b.load = loadAverage()
	b.stacks = map[string]*rig.Stack{}
	b.latency = map[[2]string]*hdrhistogram.Histogram{}
	b.notes = map[string]any{}
}

// An experiment answers one question.
type experiment struct {
	name string
	run  func(context.Context) error
	cost time.Duration // about, for the time left
}

// all runs the experiments that match, in order.
func (b *bench) all(ctx context.Context, match *regexp.Regexp) error {
	list := slices.DeleteFunc(b.experiments(), func(e experiment) bool { return !match.MatchString(e.name) })
	for i := range list {
		list[i].cost = time.Duration(float64(list[i].cost) * b.rounds)
		b.total += list[i].cost.Seconds()
	}
	at := 0.0
	for _, e := range list {
		began := time.Now()
		b.done = at
		if err := e.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		at += e.cost.Seconds()
		b.say("%-12s done in %v", e.name, time.Since(began).Round(time.Second))
	}
	return nil
}

// A contestant is a stack and what is asked of it.
type contestant struct {
	name string
	spec rig.Spec
	path string
}

// A trial is one comparison: contestants take turns at the same load.
type trial struct {
	id          string
	contestants []contestant
	body        []byte
	conns       int
	rate        float64 // per second, open loop; 0 is a closed loop
	turn        time.Duration
	rounds      int
	lives       int  // processes that take part, one after another: where one's memory lies makes it faster or slower for life; 0 is 1
	prepared    bool // the upstream knows what to answer on /open/, and responses were looked at
}

// stack returns the running stack of spec.
func (b *bench) stack(ctx context.Context, spec rig.Spec) (*rig.Stack, error) {
	if s := b.stacks[spec.Name]; s != nil {
		return s, nil
	}
	s, err := b.rig.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	b.stacks[spec.Name] = s
	return s, nil
}

// run runs t: in each round every contestant has a turn, and each round begins with another.
func (b *bench) run(ctx context.Context, t trial) error {
	n := max(int(float64(t.rounds)*b.rounds), 1)
	lives := min(max(t.lives, 1), n)
	for life := range lives {
		if life > 0 {
			b.stop(t.contestants)
		}
		turns, err := b.ready(ctx, &t)
		if err != nil {
			return err
		}
		for round := life * n / lives; round < (life+1)*n/lives; round++ {
			for i := range turns {
				if err := ctx.Err(); err != nil {
					return err
				}
				k := &turns[(i+round)%len(turns)]
				b.step(fmt.Sprintf("%s, round %d of %d: %s", t.id, round+1, n, k.name), t.turn+settle)
				if err := b.take(k, round); err != nil {
					return fmt.Errorf("%s: %s: %w", t.id, k.name, err)
				}
			}
		}
	}
	return nil
}

// ready starts the contestants of t, checks and warms them.
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
		s.Client.Closed(t.conns, t.turn/3, turns[i].pick) // warm up
	}
	return turns, nil
}

// stop ends the processes of list, so that they are started anew.
func (b *bench) stop(list []contestant) {
	for _, c := range list {
		if s := b.stacks[c.spec.Name]; s != nil {
			s.Stop()
			delete(b.stacks, c.spec.Name)
		}
	}
}

// A turn is what one contestant does in each round.
type turn struct {
	*trial
	contestant
	stack   *rig.Stack
	request *load.Request
}

func (k *turn) pick(int64) *load.Request { return k.request }

// take runs one turn and keeps what it came to.
func (b *bench) take(k *turn, round int) error {
	before, err := k.stack.Usage()
	if err != nil {
		return err
	}
	mallocs := b.mallocs(k.stack)
	var res load.Result
	if k.rate > 0 {
		res = k.stack.Client.Open(k.conns, load.Schedule(b.seed+uint64(round), k.rate, k.turn), k.request)
	} else {
		res = k.stack.Client.Closed(k.conns, k.turn, k.pick)
	}
	time.Sleep(settle)
	after, err := k.stack.Usage()
	if err != nil {
		return err
	}
	if err := res.Check(); err != nil {
		return err
	}
	h := res.Latency
	b.samples = append(b.samples, stats.Sample{
		Case: k.id, Contestant: k.name, Round: round, Requests: res.Requests, Seconds: res.Seconds,
		P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90), P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9),
		Processor: micros(after.Processor - before.Processor), Envoy: micros(after.Envoy - before.Envoy), Self: micros(after.Self - before.Self),
		Mallocs: b.mallocs(k.stack) - mallocs, Spans: after.Spans - before.Spans,
	})
	key := [2]string{k.id, k.name}
	if b.latency[key] == nil {
		b.latency[key] = load.NewHistogram()
	}
	b.latency[key].Merge(h)
	return nil
}

func micros(d time.Duration) float64 { return float64(d.Microseconds()) }

// mallocs counts the allocations of processors that the bench runs itself.
func (b *bench) mallocs(s *rig.Stack) uint64 {
	if s.Kind == rig.None || s.Kind == rig.Sealmesh {
		return 0
	}
	st, err := s.Stats()
	if err != nil {
		return 0
	}
	return st.Mallocs
}
