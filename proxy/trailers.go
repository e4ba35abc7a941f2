package proxy

import "github.com/sealmesh/sealmesh/proxy/wire"

// ofContent say in headers how the body is read.
var ofContent = []string{"content-type", "content-encoding", "content-range"}

// tail is the reply to the trailers of direction d. Some servers merge trailers into the
// headers (httpd before 2.4.12, CVE-2013-5704), so that what says how a request is read, or
// which one it is, leaves in neither (RFC 9110 section 6.5.1). Nor does a digest of a body
// that has rules.
func (x *exchange) tail(d *direction, req *wire.Request) *wire.Reply {
	reply := x.answer(req.Phase)
	m := readHeaders(req)
	if !d.response {
		x.conceal(&m, reply)
	}
	if d.plan == nil {
		return reply
	}
	if m.digest && !d.plan.Reads() {
		reply.Remove = append(reply.Remove, bodyDigests...)
	}
	if m.contentType != "" || m.contentEncoding != "" || m.contentRange {
		reply.Remove = append(reply.Remove, ofContent...)
	}
	return reply
}
