package proxy

import (
	"strings"

	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// onHeaders handles the headers of d.
func (d *direction) onHeaders(req *wire.Request) error {
	x, e := d.x, onHeaders
	if req.EndOfStream {
		e = onBareHead
	}
	if d.on(e) == violate {
		return violation()
	}
	d.head = readHeaders(req)
	if d.on(e) == identify {
		if err := x.match(); err != nil {
			return err
		}
	}
	switch d.on(e) {
	case announce:
		d.state = passing
	case conclude:
		d.state = over
		if d.plan != nil {
			d.media = formats.Table().Detect(d.head.contentType)
		}
	case begin:
		if err := d.begin(); err != nil {
			return err
		}
	default:
		return violation()
	}
	if err := rewritePlaces(d, req); err != nil {
		return err
	}
	if d.state == holding {
		return nil // release sends them
	}
	// In BUFFERED mode Envoy holds the headers until the body is answered.
	if d.plan == nil || d.state == over || d.mode != wire.ModeBuffered {
		x.markSent(d)
	}
	return x.send(d.headReply(req.EndOfStream))
}

// headReply returns the reply to the headers of d, with the edits that fit what
// happens to the body. bare says that no body follows.
func (d *direction) headReply(bare bool) *wire.Reply {
	x, reply := d.x, d.x.newReply(d.headPhase())
	if !d.response {
		x.conceal(&d.head, reply)
	}
	if x.route == nil {
		reply.Mode = &wire.Protocol{Request: wire.ModeNone, Response: wire.ModeNone}
		return reply
	}
	if !d.response {
		if x.response.plan != nil && !x.response.plan.PlacesOnly && d.head.partial {
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
	if x.beside != nil {
		e := &x.beside[d.index()]
		reply.Set, reply.Remove = append(reply.Set, e.set...), append(reply.Remove, e.remove...)
	}
	return reply
}

// declare sets the content type in the spelling that every reader reads as we
// do.
func (d *direction) declare(reply *wire.Reply) {
	if d.state != passing && d.media.Canonical != d.head.contentType {
		reply.Set = append(reply.Set, wire.Header{Name: "content-type", Value: d.media.Canonical})
	}
}

// edit corrects what the headers say of a body with rules.
func (d *direction) edit(bare bool, reply *wire.Reply) {
	if d.plan.Reads() {
		return // the plan leaves the body as it is
	}
	if d.response && d.head.ranges {
		reply.Remove = append(reply.Remove, "accept-ranges")
	}
	switch {
	case d.state == chunkwise, d.state == flowing:
	case bare && d.response && d.head.status == 304 && !strings.Contains(d.x.request.head.ifNoneMatch, "~sm"):
		return // the client has the upstream's own tag, of a body that was not changed
	case bare && d.response: // HEAD and 304: length and tag are those of the sealed body
	default:
		return
	}
	// Envoy does not remove the length where allow_content_length_header is set.
	if d.head.hasLength {
		reply.Remove = append(reply.Remove, "content-length")
	}
	bodyEdits(&d.head, reply)
}

// bodyDigests are computed over bytes that sealing or opening changes.
var bodyDigests = []string{"digest", "content-digest", "repr-digest", "content-md5"}

// fromUpstream are removed from requests whose response is read: the upstream
// must answer with a whole body, uncompressed.
var fromUpstream = []string{"accept-encoding", "grpc-accept-encoding", "connect-accept-encoding", "range", "if-range"}

// ofContent are the headers that say how a body is read.
var ofContent = []string{"content-type", "content-encoding", "content-range"}

// bodyEdits adds the header edits that a changed body needs. Only a response
// has an entity tag. Here as elsewhere only headers that are there are removed:
// each name costs Envoy a search.
func bodyEdits(m *message, r *wire.Reply) {
	if m.digest {
		r.Remove = append(r.Remove, bodyDigests...)
	}
	if weak := weaken(m.etag); m.status != 0 && weak != m.etag {
		r.Set = append(r.Set, wire.Header{Name: "etag", Value: weak})
	}
}

// trailerReply returns the reply to the trailers of d. Some servers merge
// trailers into the headers (httpd before 2.4.12, CVE-2013-5704). The reply
// therefore removes trailers that say how a body is read or which request this
// is (RFC 9110 section 6.5.1), digests of a body with rules, and headers that
// have a rule.
func trailerReply(d *direction, req *wire.Request) *wire.Reply {
	reply := d.x.newReply(req.Phase)
	m := readHeaders(req)
	if !d.response {
		d.x.conceal(&m, reply)
	}
	if d.plan == nil {
		return reply
	}
	reply.Remove = d.plan.beside.appendTrailers(reply.Remove, req)
	if m.digest && !d.plan.Reads() {
		reply.Remove = append(reply.Remove, bodyDigests...)
	}
	if m.contentType != "" || m.contentEncoding != "" || m.contentRange {
		reply.Remove = append(reply.Remove, ofContent...)
	}
	return reply
}
