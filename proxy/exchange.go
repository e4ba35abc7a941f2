package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// An exchange is one HTTP request and its response: one Process stream. One
// goroutine takes its messages one by one. Each direction has a state of its
// own (see table), since a response may begin before the request has ended.
type exchange struct {
	srv    *Server
	rt     *Runtime
	stream *wire.Stream
	ctx    context.Context
	span   trace.Span        // nil without a tracer
	parent trace.SpanContext // parent of the key uses

	overload     bool   // limits.streams exchanges were active already
	started      bool   // the first message has come
	responseSent bool   // the client has response headers: only a reset can refuse now
	route        *route // nil: skipped, unmatched or not known yet
	counts       *Counts
	account      *account // of the caller; nil before the first message
	charged      int64    // to account, in bytes
	request      direction
	response     direction

	beside *[2]headEdits // by direction; nil without rules for places beside the body

	reply wire.Reply // reused for all messages: see newReply
	set   [4]wire.Header
	names [12]string
}

// run takes messages until Envoy ends the stream. It never returns nil while a
// body is under way: to Envoy, a stream that ends well means "continue without
// the processor", and the rest of the body would pass in clear (ext_proc
// service comment, 6).
func (x *exchange) run() error {
	defer x.end()
	for {
		req, err := x.receive()
		if errors.Is(err, errIdle) {
			return x.refuse(x.awaited(), refuse(codeIdle, err))
		}
		if err != nil {
			return x.stopped(err)
		}
		d := x.direction(req.Phase)
		if err := x.take(d, req); err != nil {
			if x.gone(err) {
				return x.stopped(err)
			}
			return x.refuse(d, err)
		}
	}
}

// take handles one message of direction d. It frees req.
func (x *exchange) take(d *direction, req *wire.Request) error {
	if err := x.start(req); err != nil {
		req.Free()
		return err
	}
	switch req.Phase {
	case wire.RequestHeaders, wire.ResponseHeaders:
		defer req.Free()
		return d.onHeaders(req)
	case wire.RequestBody, wire.ResponseBody:
		return d.onBody(req)
	case wire.RequestTrailers, wire.ResponseTrailers:
		defer req.Free()
		return d.onTrailers(req)
	default:
		req.Free() // no `request`: flow control, or a newer kind of message
		return nil
	}
}

func (x *exchange) direction(p wire.Phase) *direction {
	if p >= wire.ResponseHeaders {
		return &x.response
	}
	return &x.request
}

// newReply returns an empty reply to a message of phase p. The next call reuses
// it.
func (x *exchange) newReply(p wire.Phase) *wire.Reply {
	x.reply = wire.Reply{Phase: p, Set: x.set[:0], Remove: x.names[:0]}
	return &x.reply
}

// send sends reply. Its error wraps errSend, so that gone can tell it from a
// refusal.
func (x *exchange) send(reply *wire.Reply) error {
	if err := x.stream.Send(reply); err != nil {
		return fmt.Errorf("%w: %w", errSend, err)
	}
	return nil
}

// markSent notes that headers or bytes of d have been sent.
func (x *exchange) markSent(d *direction) { x.responseSent = x.responseSent || d.response }

// start reads what only the first message has. A message without a `request`
// may come before it, and may hold protocol_config.
func (x *exchange) start(req *wire.Request) error {
	if x.started {
		return nil
	}
	if x.overload {
		return refuse(codeBusy, nil)
	}
	if req.Observability {
		return refuse(codeMode, errors.New("observability_mode: Envoy would ignore our replies; remove it from the filter"))
	}
	if req.Protocol != nil {
		x.request.mode, x.response.mode = req.Protocol.Request, req.Protocol.Response
	}
	if req.Phase == wire.None {
		return nil
	}
	if err := x.srv.metrics.Stamps.check(x.stream.Authority(), x.rt.stamp, x.srv.log); err != nil {
		return err
	}
	x.started = true
	if err := x.enter(caller(req)); err != nil {
		return err
	}
	if req.Phase == wire.RequestHeaders {
		return nil
	}
	m, ok := readAttributes(req)
	if ok {
		x.request.head = m
		return x.matchAttributes(req.Phase)
	}
	if x.direction(req.Phase) == &x.request || x.rt.sealsResponse {
		return refuse(codeProtocol, errors.New("the first message has neither request headers nor the attribute request.path"))
	}
	// A filter before us replied. The request never reached the upstream, so
	// that the response holds nothing to open.
	x.request.state, x.response.state = barred, free
	x.counts = x.srv.metrics.Route(Unrouted)
	return nil
}

// matchAttributes matches a request whose headers Envoy does not send, by the
// attributes of the first message, which has phase p.
func (x *exchange) matchAttributes(p wire.Phase) error {
	if err := x.match(); err != nil {
		return err
	}
	switch {
	case x.request.plan != nil && x.request.plan.beside != nil:
		return refuse(codeMode, errors.New("the route has values in the path, the query, headers or cookies, and Envoy does not send request headers"))
	case x.request.plan == nil:
		x.request.state = passing
	case p < wire.ResponseHeaders:
		return x.request.begin()
	default:
		x.request.state = barred
	}
	return nil
}

// match finds the route of this request, and the plans of both directions.
func (x *exchange) match() error {
	x.ctx, x.span, x.parent = x.srv.startSpan(x.ctx, &x.request.head)
	x.counts = x.srv.metrics.Route(Unrouted)
	head := &x.request.head
	if strings.EqualFold(head.method, "CONNECT") {
		head.named |= seenPath // CONNECT has no path (RFC 9113 section 8.5)
	}
	if head.named != seenAll {
		return refuse(codeProtocol, errors.New("Envoy does not send the method, the path and the host of the request"))
	}
	r, err := x.rt.policy.Match(head.method, head.host, head.path)
	if err != nil {
		return err
	}
	if r == nil {
		x.counts.Exchanges.Add(1)
		if x.rt.policy.Unmatched == policy.RefuseUnmatched {
			return refuse(codeUnmatched, nil)
		}
		return x.setPlans(nil, nil)
	}
	ready := x.rt.routes[r]
	x.counts = ready.counts
	x.counts.Exchanges.Add(1)
	if r.Skip {
		return x.setPlans(nil, nil)
	}
	x.route = ready
	if err := ready.checkTarget(head.path); err != nil {
		return err
	}
	request, response, err := ready.bind(func(name string) (string, error) { return r.Param(head.path, name) })
	if err != nil {
		return err
	}
	err = x.setPlans(request, response)
	if err != nil && !r.Spelled(head.method, head.host, head.path) {
		// The client spelled the request oddly. Envoy's configuration is not at
		// fault.
		return refuse(codePath, err)
	}
	if err != nil {
		return err
	}
	return checkConnect(head, x.request.plan)
}

// setPlans gives both directions their plans, which may be nil.
func (x *exchange) setPlans(request, response *plan) error {
	if err := x.request.setPlan(request); err != nil {
		return err
	}
	return x.response.setPlan(response)
}

// conceal removes from the headers or trailers m of a request what could
// override how the request was matched: with a route everything, otherwise what
// decides between rules and none.
func (x *exchange) conceal(m *message, reply *wire.Reply) {
	remove := m.overrides
	if x.route == nil {
		remove &= x.rt.decisive
	}
	reply.Remove = remove.appendNames(reply.Remove)
	for _, h := range m.disguised {
		if x.route != nil || h.of&x.rt.decisive != 0 {
			reply.Remove = append(reply.Remove, h.name)
		}
	}
}
