package flight

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/trace"
)

// Callers of one id share one run. A caller that gives up does not end it.
func TestSharedByItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup[int]()
		runs, land := 0, make(chan struct{})
		run := func(context.Context) (int, error) { runs++; <-land; return 7, nil }
		first := g.Join(ID{1}, trace.SpanContext{}, run)
		given, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := first.Wait(given); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that gave up got %v", err)
		}
		if second := g.Join(ID{1}, trace.SpanContext{}, run); second != first || !g.Has(ID{1}) {
			t.Error("a second caller did not join the flight")
		}
		close(land)
		if n, err := first.Wait(t.Context()); n != 7 || err != nil || runs != 1 || g.Has(ID{1}) {
			t.Errorf("result %d, %v after %d runs", n, err, runs)
		}
		g.Stop()
		g.Wait()
	})
}

// A group that was stopped cancels what runs and begins nothing.
func TestStop(t *testing.T) {
	g := NewGroup[int]()
	f := g.Join(ID{1}, trace.SpanContext{}, func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	g.Stop()
	g.Wait()
	if _, err := f.Wait(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("what ran ended as %v", err)
	}
	if _, err := g.Join(ID{2}, trace.SpanContext{}, nil).Wait(t.Context()); err != ErrStopped {
		t.Errorf("a flight after Stop ended as %v", err)
	}
	if g.Spawn(func() { t.Error("work began after Stop") }) {
		t.Error("Spawn says that work began after Stop")
	}
}
