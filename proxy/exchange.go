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

// An exchange is one HTTP request and its response: one Process stream. Its
// goroutine takes messages one by one. Each direction has a state of its own (see table),
// since a response may begin before the request has ended.
type exchange struct {
	srv    *Server
	rt     *Runtime
	stream *wire.Stream
	ctx    context.Context
	span   trace.Span        // nil without a tracer
	parent trace.SpanContext // of the key uses

	busy     bool   // one more than limits.streams
	started  bool   // the first message has come
	route    *route // nil: skipped, passed as unmatched, or not known
	counts   *Counts
	account  *account // of the caller; nil before the first message
	charged  int64    // bytes, to account
	request  direction
	response direction
	left     bool // response headers have left for the client: only a reset can refuse now

	reply wire.Reply // one for all messages; see answer
	set   [5]wire.Header
	names [12]string
}

// run takes messages until Envoy ends the stream. It never returns nil while a
// body is under way: to Envoy, a stream that ends well means "go on without me",
// and the rest of the body would pass in clear (ext_proc service comment, 6).
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

// take handles one message of direction d, which it owns from here on.
func (x *exchange) take(d *direction, req *wire.Request) error {
	if err := x.start(req); err != nil {
		req.Free()
		return err
	}
	switch req.Phase {
	case wire.RequestHeaders, wire.ResponseHeaders:
		defer req.Free()
		return x.headers(d, req)
	case wire.RequestBody, wire.ResponseBody:
		return x.message(d, req)
	case wire.RequestTrailers, wire.ResponseTrailers:
		defer req.Free()
		return x.trailers(d, req)
	default:
		req.Free() // no `request`: flow control, or something newer
		return nil
	}
}

func (x *exchange) direction(p wire.Phase) *direction {
	if p >= wire.ResponseHeaders {
		return &x.response
	}
	return &x.request
}

// answer begins the reply to a message of phase p. It is good until the next one.
func (x *exchange) answer(p wire.Phase) *wire.Reply {
	x.reply = wire.Reply{Phase: p, Set: x.set[:0], Remove: x.names[:0]}
	return &x.reply
}

// send sends reply. That Envoy is gone is no refusal, so it is told apart.
func (x *exchange) send(reply *wire.Reply) error {
	if err := x.stream.Send(reply); err != nil {
		return fmt.Errorf("%w: %w", errSend, err)
	}
	return nil
}

// start reads what only the first message has. One without a `request` may come
// before it, and may be the one that has protocol_config.
func (x *exchange) start(req *wire.Request) error {
	if x.started {
		return nil
	}
	if x.busy {
		return refuse(codeBusy, nil)
	}
	if req.Observability {
		return refuse(codeMode, errors.New("observability_mode: replies would be ignored"))
	}
	if req.Protocol != nil {
		x.request.mode, x.response.mode = req.Protocol.Request, req.Protocol.Response
	}
	if req.Phase == wire.None {
		return nil
	}
	if err := x.stamped(); err != nil {
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
		return x.stated(req.Phase)
	}
	if x.direction(req.Phase) == &x.request || x.rt.sealsResponse {
		return refuse(codeProtocol, errors.New("neither request headers nor the request.path attribute came first"))
	}
	// A local reply of a filter before us: the request never reached the
	// upstream, so there is nothing to open, and nothing of it may come now.
	x.request.state, x.response.state = barred, free
	x.counts = x.srv.metrics.Route(Unrouted)
	return nil
}

// stated matches a request whose headers Envoy hides, by the attributes of the first
// message, of phase p.
func (x *exchange) stated(p wire.Phase) error {
	if err := x.match(); err != nil {
		return err
	}
	switch {
	case x.request.plan == nil:
		x.request.state = passing
	case p < wire.ResponseHeaders:
		return x.request.begin()
	default:
		x.request.state = barred
	}
	return nil
}

// match finds the plans for this request.
func (x *exchange) match() error {
	x.trace()
	x.counts = x.srv.metrics.Route(Unrouted)
	head := &x.request.head
	if strings.EqualFold(head.method, "CONNECT") {
		head.named |= seenPath // it has none (RFC 9113 section 8.5)
	}
	if head.named != seenAll {
		return refuse(codeProtocol, errors.New("Envoy does not show the method, the path and the host of the request"))
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
		return x.covered(nil, nil)
	}
	ready := x.rt.routes[r]
	x.counts = ready.counts
	x.counts.Exchanges.Add(1)
	if r.Skip {
		return x.covered(nil, nil)
	}
	x.route = ready
	if err := ready.mayCarry(head.path); err != nil {
		return err
	}
	request, response, err := ready.bind(func(name string) (string, error) { return r.Param(head.path, name) })
	if err != nil {
		return err
	}
	err = x.covered(request, response)
	if err != nil && !r.Spelled(head.method, head.host, head.path) {
		return refuse(codePath, err) // the client's spelling, and no fault of Envoy's configuration
	}
	return err
}

// covered gives both directions their rules.
func (x *exchange) covered(request, response *plan) error {
	if err := x.request.announced(request); err != nil {
		return err
	}
	return x.response.announced(response)
}

func (x *exchange) routeName() string {
	if x.route == nil {
		return ""
	}
	return x.route.Name
}
