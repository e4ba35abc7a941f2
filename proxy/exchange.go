package proxy

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// An exchange is one HTTP request and its response: one Process stream. Its
// goroutine takes messages one by one; the two directions are independent state
// machines, since a response may begin before the request has ended.
type exchange struct {
	srv    *Server
	rt     *Runtime
	stream *wire.Stream
	ctx    context.Context
	span   trace.Span        // nil without a tracer
	parent trace.SpanContext // of the key uses

	busy     bool   // one more than limits.streams
	started  bool   // the first message has come
	matched  bool   // the request was shown, and is known to be covered by route
	local    bool   // only a response was shown: a local reply
	route    *route // nil: skipped, or passed as unmatched
	counts   *Counts
	caller   string
	request  direction
	response direction
	left     bool // response headers have left for the client: only a reset can refuse now

	reply wire.Reply // one for all messages; see answer
	set   [3]wire.Header
	names [12]string
}

// run takes messages until Envoy ends the stream. It never returns nil while a
// body is under way: to Envoy, a stream that ends well means "go on without me",
// and the rest of the body would pass in clear (ext_proc service comment, 6).
func (x *exchange) run() error {
	defer x.end()
	for {
		req, err := x.receive()
		if err == errIdle {
			return x.refuse(x.streaming(), refuse(codeIdle, err))
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
		return x.body(d, req)
	case wire.RequestTrailers, wire.ResponseTrailers:
		defer req.Free()
		return x.trailers(d, req.Phase)
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
	x.started, x.caller = true, caller(req)
	if req.Phase == wire.RequestHeaders {
		return nil
	}
	// Without request headers the attributes tell what is asked for.
	if m, ok := readAttributes(req); ok {
		x.request.head = m
		if err := x.match(); err != nil {
			return err
		}
		if x.route != nil && req.Phase == wire.RequestBody {
			return x.request.begin()
		}
		return nil
	}
	if x.direction(req.Phase) == &x.request || x.rt.sealsResponse {
		return refuse(codeProtocol, errors.New("neither request headers nor the request.path attribute came first"))
	}
	// A local reply of a filter before us: the request never reached the
	// upstream, so there is nothing to open, and nothing of it may come now.
	x.local, x.counts = true, x.srv.metrics.Route(Unrouted)
	return nil
}

// match finds the plans for this request.
func (x *exchange) match() error {
	x.trace()
	x.matched, x.counts = true, x.srv.metrics.Route(Unrouted)
	head := &x.request.head
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
		return nil
	}
	ready := x.rt.routes[r]
	x.counts = ready.counts
	x.counts.Exchanges.Add(1)
	if !r.Skip {
		x.route = ready
		x.request.plan, x.response.plan = ready.request, ready.response
	}
	if err := x.request.announced(); err != nil {
		return err
	}
	return x.response.announced()
}

// covered checks that it is known which plan, if any, covers direction d.
func (x *exchange) covered(d *direction) error {
	if x.matched || x.local && d.response {
		return nil
	}
	return refuse(codeProtocol, errors.New("a message came before any that names the request"))
}

func (x *exchange) routeName() string {
	if x.route == nil {
		return ""
	}
	return x.route.Name
}

// headers answers a header message of direction d.
func (x *exchange) headers(d *direction, req *wire.Request) error {
	if d.headers || !d.response && (x.matched || x.local) {
		return refuse(codeProtocol, errors.New("headers twice, or after what follows them"))
	}
	d.headers, d.head = true, readHeaders(req)
	if !d.response {
		if err := x.match(); err != nil {
			return err
		}
	} else if err := x.covered(d); err != nil {
		return err
	}
	if x.route != nil && !req.EndOfStream {
		if err := d.begin(); err != nil {
			return err
		}
		if d.whole() {
			d.owed = true // and sent by deliver
			return nil
		}
	}
	reply := x.head(d, req.EndOfStream)
	if req.EndOfStream {
		if err := d.close(nil); err != nil {
			return err
		}
	}
	if d.response && (d.plan == nil || req.EndOfStream || d.mode != wire.ModeBuffered) {
		x.left = true
	}
	return x.send(reply)
}

// head begins the reply to the headers of direction d, put right for what is known of its
// body: noBody says that none follows.
func (x *exchange) head(d *direction, noBody bool) *wire.Reply {
	phase := wire.RequestHeaders
	if d.response {
		phase = wire.ResponseHeaders
	}
	reply := x.answer(phase)
	if !d.response && d.head.override && x.rt.byMethod {
		reply.Remove = append(reply.Remove, methodOverrides...)
	}
	if x.route == nil {
		reply.Mode = &wire.Protocol{Request: wire.ModeNone, Response: wire.ModeNone}
		return reply
	}
	if !d.response {
		if x.response.plan != nil && d.head.partial {
			reply.Remove = append(reply.Remove, fromUpstream...)
		}
		if m := strengthen(d.head.ifMatch); m != d.head.ifMatch {
			reply.Set = append(reply.Set, wire.Header{Name: "if-match", Value: m})
		}
	}
	if d.plan != nil {
		d.declare(reply)
		d.edit(noBody, reply)
	}
	return reply
}

// declare says in the forwarded headers how the body is read, in the one spelling
// that leaves its next reader no choice.
func (d *direction) declare(reply *wire.Reply) {
	if d.pass {
		return
	}
	if t := codec.CanonicalContentType(d.head.contentType); t != d.head.contentType {
		reply.Set = append(reply.Set, wire.Header{Name: "content-type", Value: t})
	}
}

// edit puts right what the headers say of a body that has rules.
func (d *direction) edit(noBody bool, reply *wire.Reply) {
	if d.response && d.head.ranges {
		reply.Remove = append(reply.Remove, "accept-ranges")
	}
	switch {
	case noBody && d.response: // HEAD and 304: the length and the tag are those of the sealed body
	case noBody, d.pass, d.mode == wire.ModeBuffered, d.whole():
		return
	}
	// Envoy lets the length stand where allow_content_length_header is set.
	if d.head.hasLength {
		reply.Remove = append(reply.Remove, "content-length")
	}
	bodyEdits(&d.head, reply)
}
