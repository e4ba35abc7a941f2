//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"

	"github.com/sealmesh/sealmesh/hsm"
)

// A pool is the limited set of sessions of one KEK. A place holds an idle
// session, or nil if none is open yet.
type pool struct {
	places chan *session
	closed chan struct{}
}

func newPool(size int) *pool {
	p := &pool{places: make(chan *session, size), closed: make(chan struct{})}
	for range size {
		p.places <- nil
	}
	return p
}

// errClosed answers every operation after Close.
var errClosed = &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: "C_OpenSession", Err: errors.New("the provider is closed")}

// take waits for a place, which put gives back. Its error is that of ctx, or
// errClosed.
func (p *pool) take(ctx context.Context) (*session, error) {
	if p.isClosed() {
		return nil, errClosed
	}
	select {
	case s := <-p.places:
		return s, nil
	case <-p.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// put gives a place back. It never blocks: every place was taken first.
func (p *pool) put(s *session) { p.places <- s }

func (p *pool) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

// drain takes every place for ever, and calls f for each idle session. It gives
// up when ctx ends, since a call that hangs may hold a place.
func (p *pool) drain(ctx context.Context, f func(*session)) error {
	close(p.closed)
	for range cap(p.places) {
		select {
		case s := <-p.places:
			f(s)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
