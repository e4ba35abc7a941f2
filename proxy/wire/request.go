package wire

import (
	"sync"

	"google.golang.org/grpc/mem"
)

// attributeNamespace is the key of ProcessingRequest.attributes under which
// Envoy, grpc-go and agentgateway send the configured attributes.
const attributeNamespace = "envoy.filters.http.ext_proc"

// A Request is one ProcessingRequest. It keeps the transport's buffers until
// Free. It must not be used by two goroutines at once.
type Request struct {
	Phase         Phase
	EndOfStream   bool
	Observability bool      // observability_mode
	Protocol      *Protocol // protocol_config; nil if the message has none

	protocol   Protocol
	headers    []header
	attributes []attribute // of the message
	deprecated []attribute // of HttpHeaders, where no known proxy sends them
	body       [][]byte
	segments   [][]byte        // the whole message
	buffers    mem.BufferSlice // own segments
}

type header struct{ name, value []byte }

type attribute struct {
	name, value []byte
	text        bool // value is a string; other kinds only hide an earlier entry of that name
}

// Headers calls yield for each header or trailer of the message, in order,
// until yield returns false. The slices are valid until Free. Names are as sent
// (Envoy sends lower case). A value is the header's raw_value, or its value if
// raw_value is empty.
func (r *Request) Headers(yield func(name, value []byte) bool) {
	for _, h := range r.headers {
		if !yield(h.name, h.value) {
			return
		}
	}
}

// Attribute returns a string attribute that Envoy was configured to send
// (request_attributes, response_attributes). Envoy sends attributes with the
// first message of a direction, without those that have no value.
func (r *Request) Attribute(name string) (string, bool) {
	b, ok := r.AttributeBytes(name)
	return string(b), ok
}

// AttributeBytes is Attribute without a copy. The bytes are valid until Free.
func (r *Request) AttributeBytes(name string) ([]byte, bool) {
	for _, list := range [...][]attribute{r.attributes, r.deprecated} {
		for i := len(list) - 1; i >= 0; i-- { // the last entry of a key counts
			if string(list[i].name) == name {
				return list[i].value, list[i].text
			}
		}
	}
	return nil, false
}

// Body returns the body of a message in pieces, which are valid until Free. A
// long message has several pieces; an empty body has none.
func (r *Request) Body() [][]byte { return r.body }

// Free releases the transport's buffers and recycles r, which must not be used
// afterwards.
func (r *Request) Free() {
	r.reset()
	requests.Put(r)
}

// requests recycles Requests: an exchange receives several, with a few slices
// each.
var requests = sync.Pool{New: func() any { return new(Request) }}

// reset drops all references: a recycled Request must not keep buffers alive.
func (r *Request) reset() {
	r.buffers.Free()
	*r = Request{
		headers:    emptied(r.headers),
		attributes: emptied(r.attributes),
		deprecated: emptied(r.deprecated),
		body:       emptied(r.body),
		segments:   emptied(r.segments),
		buffers:    emptied(r.buffers),
	}
}

// maxKept limits the slices that a recycled Request keeps, in elements. One
// message with many headers or frames must not pin memory forever.
const maxKept = 256

func emptied[S ~[]E, E any](s S) S {
	if cap(s) > maxKept {
		return nil
	}
	clear(s) // elements past its length have been cleared before
	return s[:0]
}
