package wire

import (
	"sync"
	"time"

	"google.golang.org/grpc"
)

// A pending receive waits in a goroutine of its own, so that who wants the
// message may wait for a bounded time, and return for the message later.
type pending struct {
	done chan struct{} // closed once r and err are set

	mu        sync.Mutex
	r         *Request // of whoever takes it; the receive's own once abandoned
	err       error
	abandoned bool
}

// receive waits for a message of s without a bound.
func receive(s grpc.ServerStream) (*Request, error) {
	r := requests.Get().(*Request)
	if err := s.RecvMsg(r); err != nil {
		r.Free()
		return nil, err
	}
	return r, nil
}

// receiveLater starts to wait. One receive of s may be pending at a time.
func receiveLater(s grpc.ServerStream) *pending {
	p := &pending{done: make(chan struct{})}
	go func() {
		r, err := receive(s)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.abandoned && r != nil {
			r.Free()
			r = nil
		}
		p.r, p.err = r, err
		close(p.done)
	}()
	return p
}

// within returns the message, or false when none has come in time. A bound of 0
// is none.
func (p *pending) within(bound time.Duration) (r *Request, err error, ok bool) {
	var late <-chan time.Time
	if bound > 0 {
		t := time.NewTimer(bound)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-p.done:
	case <-late:
		return nil, nil, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r, p.r = p.r, nil
	return r, p.err, true
}

// abandon frees the message, whether it is there or comes later.
func (p *pending) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.abandoned = true
	if p.r != nil {
		p.r.Free()
		p.r = nil
	}
}
