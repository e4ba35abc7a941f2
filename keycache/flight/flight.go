// Package flight does background work once for all callers that wait for it.
//
// A caller joins the flight of an id, or starts it. The flight belongs to none
// of its callers: a caller that gives up leaves it running for the others.
package flight

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/otel/trace"
)

// ErrStopped is the outcome of flights that begin after [Group.Stop].
var ErrStopped = errors.New("the key is closed")

// An ID says what a flight does: two flights of one id have the same result.
type ID [32]byte

// A Flight is one piece of work, with its result once it has one.
type Flight[T any] struct {
	done   chan struct{}
	result T
	err    error
}

// Wait returns the result of the flight, or the error of ctx if ctx ends first.
func (f *Flight[T]) Wait(ctx context.Context) (T, error) {
	select {
	case <-f.done:
		return f.result, f.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// A Group holds the flights that are under way, and owns their goroutines. Safe
// for concurrent use.
type Group[T any] struct {
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	flights map[ID]*Flight[T]
}

// NewGroup returns a group without flights. [Group.Stop] ends it.
func NewGroup[T any]() *Group[T] {
	g := &Group[T]{flights: map[ID]*Flight[T]{}}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

// Has reports whether the flight of that id is under way.
func (g *Group[T]) Has(id ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.flights[id] != nil
}

// Join returns the flight of that id. If there is none, Join starts run, whose
// context ends with the group. Spans of run become children of parent, if that
// is valid: of the exchange that was the first to need the result.
func (g *Group[T]) Join(id ID, parent trace.SpanContext, run func(context.Context) (T, error)) *Flight[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.flights[id]; f != nil {
		return f
	}
	f := &Flight[T]{done: make(chan struct{})}
	if g.stopped {
		f.err = ErrStopped
		close(f.done)
		return f
	}
	g.flights[id] = f
	g.running.Go(func() {
		f.result, f.err = run(below(g.ctx, parent))
		g.mu.Lock()
		delete(g.flights, id)
		g.mu.Unlock()
		close(f.done)
	})
	return f
}

func below(ctx context.Context, parent trace.SpanContext) context.Context {
	if !parent.IsValid() {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, parent)
}

// Spawn runs f in the background. It reports false, and does not run f, if the
// group was stopped.
func (g *Group[T]) Spawn(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return false
	}
	g.running.Go(f)
	return true
}

// Stop cancels the context of everything that runs, and lets nothing begin.
func (g *Group[T]) Stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = true
	g.cancel()
}

// Wait returns once nothing runs. Call it after Stop.
func (g *Group[T]) Wait() { g.running.Wait() }
