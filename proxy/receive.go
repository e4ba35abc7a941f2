package proxy

import (
	"errors"
	"time"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// DefaultLastWord is how long Envoy may take to end a stream whose exchange was refused.
const DefaultLastWord = 10 * time.Second

// errIdle: a streamed body stood still for longer than limits.exchange.
var errIdle = errors.New("the body stands still")

// A received is what stream.Recv returned.
type received struct {
	req *wire.Request
	err error
}

// receive returns the next message. While a streamed body is under way it waits no
// longer than the policy allows: Envoy has no timer there. A gRPC stream cannot be waited
// for with a bound, so from the first streamed body on a goroutine reads ahead by one message.
func (x *exchange) receive() (*wire.Request, error) {
	limit := x.rt.policy.Limits.Exchange
	if x.streaming() == nil || limit <= 0 {
		if x.inbox == nil {
			return x.stream.Recv()
		}
		r := <-x.inbox
		return r.req, r.err
	}
	if x.inbox == nil {
		x.inbox, x.done = make(chan received), make(chan struct{})
		go x.readAhead()
	}
	if x.idle == nil {
		x.idle = time.NewTimer(limit)
	} else {
		x.idle.Reset(limit)
	}
	defer x.idle.Stop()
	select {
	case r := <-x.inbox:
		return r.req, r.err
	case <-x.idle.C:
		return nil, errIdle
	}
}

// streaming returns a direction in which a body in a streamed mode is under way, or nil.
func (x *exchange) streaming() *direction {
	for _, d := range []*direction{&x.request, &x.response} {
		if d.underway() && d.mode != wire.ModeBuffered && !d.owed {
			return d
		}
	}
	return nil
}

// readAhead hands messages to the exchange, until either ends. The end of the
// exchange ends the stream, and so the Recv that it may be in.
func (x *exchange) readAhead() {
	for {
		req, err := x.stream.Recv()
		select {
		case x.inbox <- received{req, err}:
		case <-x.done:
			if err == nil {
				req.Free()
			}
			return
		}
		if err != nil {
			return
		}
	}
}

// drain reads until Envoy ends the stream, after a refusal was sent: to end it first,
// even with an error, could overtake the reply. Not for ever, though.
func (x *exchange) drain() {
	if x.inbox == nil {
		x.inbox, x.done = make(chan received), make(chan struct{})
		go x.readAhead()
	}
	patience := time.NewTimer(x.srv.lastWord)
	defer patience.Stop()
	for {
		select {
		case r := <-x.inbox:
			if r.err != nil {
				return
			}
			r.req.Free()
		case <-patience.C:
			return
		}
	}
}
