package proxy

import (
	"strings"

	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// headers takes the headers of direction d.
func (x *exchange) headers(d *direction, req *wire.Request) error {
	e := onHeaders
	if req.EndOfStream {
		e = onBareHead
	}
	if d.on(e) == violate {
		return violation()
	}
	d.head = readHeaders(req)
	if d.on(e) == name {
		if err := x.match(); err != nil {
			return err
		}
	}
	switch d.on(e) {
	case announce:
		d.state = passing
	case conclude:
		d.state = over
	case begin:
		if err := d.begin(); err != nil {
			return err
		}
	default:
		return violation()
	}
	if d.state == keeping {
		return nil // deliver sends them
	}
	// In BUFFERED Envoy holds the headers until the body is answered.
	if d.plan == nil || d.state == over || d.mode != wire.ModeBuffered {
		x.leaves(d)
	}
	return x.send(x.head(d, req.EndOfStream))
}

// leaves notes that bytes of d leave, or its headers.
func (x *exchange) leaves(d *direction) { x.left = x.left || d.response }

// head begins the reply to the headers of direction d, put right for what becomes of its
// body: bare says that none follows.
func (x *exchange) head(d *direction, bare bool) *wire.Reply {
	reply := x.answer(d.headPhase())
	if !d.response {
		x.conceal(&d.head, reply)
	}
	if x.route == nil {
		reply.Mode = &wire.Protocol{Request: wire.ModeNone, Response: wire.ModeNone}
		return reply
	}
	if !d.response {
		if x.response.plan != nil && d.head.partial {
			reply.Remove = append(reply.Remove, fromUpstream...)
		}
		if m := restore(d.head.ifMatch); m != d.head.ifMatch {
			reply.Set = append(reply.Set, wire.Header{Name: "if-match", Value: m})
		}
		if m := restore(d.head.ifNoneMatch); m != d.head.ifNoneMatch {
			reply.Set = append(reply.Set, wire.Header{Name: "if-none-match", Value: m})
		}
	}
	if d.plan != nil {
		d.declare(reply)
		d.edit(bare, reply)
	}
	return reply
}

// conceal removes from the headers or the trailers of a request what overrides them.
func (x *exchange) conceal(m *message, reply *wire.Reply) {
	reply.Remove = x.overridden(m.overrides).appendNames(reply.Remove)
	for _, h := range m.disguised {
		if x.route != nil || h.of&x.rt.decisive != 0 {
			reply.Remove = append(reply.Remove, h.name)
		}
	}
}

// overridden returns those headers of a request that may not override what the policy
// went by: none on a route with rules; elsewhere none of what decides that there are no rules.
func (x *exchange) overridden(have headerSet) headerSet {
	if x.route != nil {
		return have
	}
	return have & x.rt.decisive
}

// declare says in the forwarded headers how the body is read, in the one spelling
// that leaves its next reader no choice.
func (d *direction) declare(reply *wire.Reply) {
	if d.state == passing {
		return
	}
	if t := formats.Table().Canonical(d.head.contentType); t != d.head.contentType {
		reply.Set = append(reply.Set, wire.Header{Name: "content-type", Value: t})
	}
}

// edit puts right what the headers say of a body that has rules.
func (d *direction) edit(bare bool, reply *wire.Reply) {
	if d.plan.Reads() {
		return // and leaves the body as it is
	}
	if d.response && d.head.ranges {
		reply.Remove = append(reply.Remove, "accept-ranges")
	}
	switch {
	case d.state == chunkwise, d.state == flowing:
	case bare && d.response && d.head.status == 304 && !strings.Contains(d.x.request.head.ifNoneMatch, "~sm"):
		return // the client has the tag as the upstream gave it: of a body in which nothing was changed
	case bare && d.response: // HEAD and 304: the length and the tag are those of the sealed body
	default:
		return
	}
	// Envoy lets the length stand where allow_content_length_header is set.
	if d.head.hasLength {
		reply.Remove = append(reply.Remove, "content-length")
	}
	bodyEdits(&d.head, reply)
}
