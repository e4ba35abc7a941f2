package keyuse

import "context"

// A worker is a goroutine that can be waited for. The zero value has none.
type worker struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func start(f func(context.Context)) worker {
	ctx, cancel := context.WithCancel(context.Background())
	w := worker{cancel, make(chan struct{})}
	go func() {
		defer close(w.done)
		f(ctx)
	}()
	return w
}

// wait lets the worker come to its own end, until ctx ends.
func (w worker) wait(ctx context.Context) {
	if w.done == nil {
		return
	}
	select {
	case <-w.done:
	case <-ctx.Done():
	}
	w.end()
}

// end stops the worker and waits until it has stopped.
func (w worker) end() {
	if w.done == nil {
		return
	}
	w.cancel()
	<-w.done
}
