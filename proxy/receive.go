package proxy

import (
	"errors"
	"os"
	"time"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// DefaultLastWord is how long Envoy may take to end a stream whose exchange was refused.
const DefaultLastWord = 10 * time.Second

// errIdle: a body stood still for longer than limits.exchange, or came too slowly.
var errIdle = errors.New("the body stands still")

// receive returns the next message. While a body is awaited it waits no longer than the
// policy allows: Envoy has no timer there.
func (x *exchange) receive() (*wire.Request, error) {
	var limit time.Duration
	if d := x.awaited(); d != nil {
		limit = d.patience(&x.rt.policy.Limits)
	}
	req, err := x.stream.RecvWithin(limit)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errIdle
	}
	return req, err
}

// awaited returns a direction whose body must not stand still, or nil.
func (x *exchange) awaited() *direction {
	switch stall {
	case x.request.on(onSilence):
		return &x.request
	case x.response.on(onSilence):
		return &x.response
	}
	return nil
}

// drain reads until Envoy ends the stream, after a refusal was sent: to end it first,
// even with an error, could overtake the reply. Not for ever, though.
func (x *exchange) drain() {
	until := time.Now().Add(x.srv.lastWord)
	for left := x.srv.lastWord; left > 0; left = time.Until(until) {
		req, err := x.stream.RecvWithin(left)
		if err != nil {
			return
		}
		req.Free()
	}
}
