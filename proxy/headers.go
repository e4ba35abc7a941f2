package proxy

import (
	"strconv"
	"strings"

	"github.com/sealmesh/sealmesh/codec/coding"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A message is what an exchange needs of the headers of a request or response,
// or of the attributes that Envoy sends in their place.
type message struct {
	method, path, host string
	status             int
	contentType        string
	contentEncoding    string
	messageEncoding    string // of messages of gRPC or Connect in the body
	traceparent        string
	tracestate         string
	etag               string
	ifMatch            string
	ifNoneMatch        string
	hasLength          bool // content-length was sent
	empty              bool // content-length: 0
	upgrade            bool
	overrides          headerSet
	disguised          []disguise
	digest             bool // a header of bodyDigests was sent
	signed             bool // a header was sent that usually signs the body
	partial            bool // a header of fromUpstream was sent
	ranges             bool // accept-ranges was sent
	contentRange       bool // content-range was sent: the body is a part of another
	headers            bool // read from headers; false: from attributes
	named              seen // what of method, path and host was sent
}

// seen is a set of what names a request. All of it is needed: without the host,
// another route could match silently.
type seen uint8

const (
	seenMethod seen = 1 << iota
	seenPath
	seenHost
	seenAll = seenMethod | seenPath | seenHost
)

// readHeaders reads the headers, or trailers, of req.
func readHeaders(req *wire.Request) (m message) {
	m.headers = true
	var types, encodings, inners, matches, noneMatches int
	req.Headers(func(name, value []byte) bool {
		switch string(name) {
		case ":method":
			m.method, m.named = string(value), m.named|seenMethod
		case ":path":
			m.path, m.named = string(value), m.named|seenPath
		case ":authority":
			m.host, m.named = string(value), m.named|seenHost
		case ":status":
			m.status, _ = strconv.Atoi(string(value))
		case ":protocol", "upgrade":
			m.upgrade = true
		case "digest", "content-digest", "repr-digest", "content-md5":
			m.digest = true
		case "signature", "signature-input", "x-amz-content-sha256", "stripe-signature", "x-hub-signature", "x-hub-signature-256",
			"x-slack-signature", "x-shopify-hmac-sha256", "x-twilio-signature", "webhook-signature", "svix-signature", "x-signature", "x-jws-signature":
			m.signed = true
		case "accept-encoding", "grpc-accept-encoding", "connect-accept-encoding", "range", "if-range":
			m.partial = true
		case "accept-ranges":
			m.ranges = true
		case "content-range":
			m.contentRange = true
		case "content-type":
			// Two content types are joined, so that no codec reads the body: the
			// upstream could choose the other one.
			m.contentType = join(m.contentType, value, &types)
		case "content-encoding":
			m.contentEncoding = join(m.contentEncoding, value, &encodings)
		case "grpc-encoding", "connect-content-encoding":
			m.messageEncoding = join(m.messageEncoding, value, &inners)
		case "content-length":
			m.hasLength, m.empty = true, string(value) == "0"
		case "traceparent":
			m.traceparent = string(value)
		case "tracestate":
			m.tracestate = string(value)
		case "if-match":
			m.ifMatch = join(m.ifMatch, value, &matches)
		case "if-none-match":
			m.ifNoneMatch = join(m.ifNoneMatch, value, &noneMatches)
		case "etag":
			m.etag = string(value)
		default:
			m.overrides |= overriding(name, value)
			if mayDisguise(name) {
				if h, ok := disguised(name); ok {
					m.disguised = append(m.disguised, h)
				}
			}
		}
		return true
	})
	if m.status != 0 {
		m.upgrade = m.status == 101 // other responses only offer protocols (RFC 9110 section 7.8)
	}
	m.upgrade = m.upgrade || m.method == "CONNECT"
	return m
}

// join appends a value of a header to its earlier values, which n counts. They
// may be empty.
func join(have string, value []byte, n *int) string {
	if *n++; *n == 1 {
		return string(value)
	}
	return have + ", " + string(value)
}

// Attributes that replace request headers where Envoy is configured to send
// none. The generated configuration sends headers: Envoy computes all
// attributes of a filter for each exchange, whatever the route needs, and that
// costs more than the messages that attributes save.
const (
	attrPath     = "request.path"
	attrMethod   = "request.method"
	attrHost     = "request.host"
	attrType     = "request.headers['content-type']"
	attrEncoding = "request.headers['content-encoding']"
	attrTrace    = "request.headers['traceparent']"
	attrUpgrade  = "request.headers['upgrade']"
	attrRange    = "request.headers['content-range']"
)

// RequestAttributes are the request_attributes that replace request headers.
var RequestAttributes = []string{attrPath, attrMethod, attrHost, attrType, attrEncoding, attrTrace, attrUpgrade, attrRange}

// ResponseAttributes are the response_attributes that name the request of a
// response, where Envoy sends no request message.
var ResponseAttributes = []string{attrPath, attrMethod, attrHost, attrTrace}

// readAttributes is readHeaders for a first message without headers. ok is
// false when no attribute names the request, as in a local reply.
func readAttributes(req *wire.Request) (m message, ok bool) {
	for _, a := range []struct {
		name string
		to   *string
		bit  seen
	}{{attrPath, &m.path, seenPath}, {attrMethod, &m.method, seenMethod}, {attrHost, &m.host, seenHost}} {
		if *a.to, ok = req.Attribute(a.name); ok {
			m.named |= a.bit
		}
	}
	if m.named == 0 {
		return m, false
	}
	m.contentType, _ = req.Attribute(attrType)
	m.contentEncoding, _ = req.Attribute(attrEncoding)
	m.traceparent, _ = req.Attribute(attrTrace)
	_, m.upgrade = req.Attribute(attrUpgrade)
	_, m.contentRange = req.Attribute(attrRange)
	m.upgrade = m.upgrade || m.method == "CONNECT"
	return m, true
}

// identity reports whether the body is not compressed.
func (m *message) identity() bool {
	return m.contentEncoding == "" || strings.EqualFold(m.contentEncoding, "identity")
}

// coded reports whether the body has a content coding that sealmesh decodes. In
// gRPC and in streams of Connect messages are compressed, and bodies are not.
func (m *message) coded() bool {
	return coding.Of(m.contentEncoding) != coding.None && !m.grpc() && !m.connect()
}

// grpc reports whether the client of a request speaks gRPC.
func (m *message) grpc() bool { return m.is("application/grpc") }

// connect reports whether the body is a stream of Connect.
func (m *message) connect() bool { return m.is("application/connect+") }

// is reports whether the content type begins with prefix, in any case.
func (m *message) is(prefix string) bool {
	t := strings.TrimLeft(m.contentType, " \t")
	return len(t) >= len(prefix) && strings.EqualFold(t[:len(prefix)], prefix)
}
