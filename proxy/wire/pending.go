package wire

import (
	"sync"
	"time"

	"google.golang.org/grpc"
)

// A pending receive waits for a message in a goroutine of its own. Its user may
// wait for a limited time, and come back for the message later.
type pending struct {
	done chan struct{} // closed once r and err are set

	mu        sync.Mutex
	r         *Request // the message; nil once taken or abandoned
	err       error
	abandoned bool
}

// receive waits for a message of s without a limit.
func receive(s grpc.ServerStream) (*Request, error) {
	r := requests.Get().(*Request)
	if err := s.RecvMsg(r); err != nil {
		r.Free()
		return nil, err
	}
	return r, nil
}

// receiveLater starts to wait for a message of s. Only one receive of s may be
// pending.
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

// within waits for the message for at most bound, 0 meaning no limit. ok is
// false if no message came.
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

// abandon frees the message, now or when it comes.
func (p *pending) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.abandoned = true
	if p.r != nil {
		p.r.Free()
		p.r = nil
	}
}
