package transport

import "sync"

// idleWorkers limits the goroutines that wait for a stream. Their stacks have
// grown to what a handler needs; the stack of a new goroutine would have to
// grow again.
const idleWorkers = 64

// workers runs the handlers of streams in reused goroutines.
type workers struct {
	mu      sync.Mutex
	idle    []chan *stream
	stopped bool
}

// run handles st in an idle goroutine, or in a new one.
func (w *workers) run(st *stream) {
	w.mu.Lock()
	var next chan *stream
	if n := len(w.idle); n > 0 {
		next = w.idle[n-1]
		w.idle = w.idle[:n-1]
	}
	w.mu.Unlock()
	if next == nil {
		next = make(chan *stream, 1)
		go w.work(next)
	}
	next <- st
}

func (w *workers) work(next chan *stream) {
	for st := range next {
		st.handle()
		if !w.wait(next) {
			return
		}
	}
}

// wait adds next to the idle goroutines. It is false when there are enough.
func (w *workers) wait(next chan *stream) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || len(w.idle) >= idleWorkers {
		return false
	}
	w.idle = append(w.idle, next)
	return true
}

// stop ends the idle goroutines. run must not be called afterwards.
func (w *workers) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, next := range w.idle {
		close(next)
	}
	w.idle, w.stopped = nil, true
}
