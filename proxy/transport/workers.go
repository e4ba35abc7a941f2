package transport

import "sync"

// idleWorkers is how many goroutines wait for the next stream once theirs has ended. Their
// stacks have grown to what a handler needs, which a new goroutine's would have to again.
const idleWorkers = 64

// workers runs the handlers of streams.
type workers struct {
	mu      sync.Mutex
	idle    []chan *stream
	stopped bool
}

// run has st handled by an idle goroutine, or by a new one.
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

// wait puts next among the idle, if there are not enough.
func (w *workers) wait(next chan *stream) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || len(w.idle) >= idleWorkers {
		return false
	}
	w.idle = append(w.idle, next)
	return true
}

// stop ends the idle goroutines. No stream may be run any more.
func (w *workers) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, next := range w.idle {
		close(next)
	}
	w.idle, w.stopped = nil, true
}
