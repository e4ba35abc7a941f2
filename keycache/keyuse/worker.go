package keyuse

import "context"

// A worker is a goroutine that can be stopped and awaited. The zero value is
// none.
type worker struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// start runs f in a new worker.
func start(f func(context.Context)) worker {
	ctx, cancel := context.WithCancel(context.Background())
	w := worker{cancel, make(chan struct{})}
	go func() {
		defer close(w.done)
		f(ctx)
	}()
	return w
}

// wait waits until f returns by itself or ctx ends, and then stops the worker.
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

// end cancels f and waits until it returns.
func (w worker) end() {
	if w.done == nil {
		return
	}
	w.cancel()
	<-w.done
}
