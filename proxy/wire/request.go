package wire

import (
	"sync"

	"google.golang.org/grpc/mem"
)

// attributeNamespace is the key of ProcessingRequest.attributes under which Envoy,
// grpc-go and agentgateway send the configured attributes.
const attributeNamespace = "envoy.filters.http.ext_proc"

// A Request is one ProcessingRequest. It holds references to transport buffers until
// Free, and may be used by one goroutine at a time.
type Request struct {
	Phase         Phase
	EndOfStream   bool
	NoMessage     bool      // end_of_stream_without_message (GRPC mode)
	Compressed    bool      // grpc_message_compressed (GRPC mode)
	Observability bool      // observability_mode
	FlowControl   bool      // flow_control_init is present
	Protocol      *Protocol // nil when the message has none

	protocol   Protocol
	headers    []header
	attributes []attribute // of the message
	deprecated []attribute // of HttpHeaders, where nothing known sends them
	body       [][]byte
	segments   [][]byte        // the whole message
	buffers    mem.BufferSlice // what segments point into
}

type header struct{ name, value []byte }

type attribute struct {
	name, value []byte
	text        bool // a string; other kinds only hide an earlier entry of the same name
}

// Headers calls yield for each header or trailer of the message, in order; the slices
// are valid until Free. Names are as sent (Envoy sends lower case). A value is the
// header's raw_value, or its value where raw_value is empty.
func (r *Request) Headers(yield func(name, value []byte) bool) {
	for _, h := range r.headers {
		if !yield(h.name, h.value) {
			return
		}
	}
}

// Attribute returns a string attribute that Envoy was configured to send
// (request_attributes, response_attributes). Envoy sends them once per direction, with
// its first message, and leaves out those that have no value.
func (r *Request) Attribute(name string) (string, bool) {
	b, ok := r.AttributeBytes(name)
	return string(b), ok
}

// AttributeBytes is Attribute without a copy: the bytes are valid until Free.
func (r *Request) AttributeBytes(name string) ([]byte, bool) {
	for _, list := range [...][]attribute{r.attributes, r.deprecated} {
		for i := len(list) - 1; i >= 0; i-- { // in a map the last entry of a key counts
			if string(list[i].name) == name {
				return list[i].value, list[i].text
			}
		}
	}
	return nil, false
}

// Body returns the pieces of a body message, valid until Free. There are several when
// the message came in several HTTP/2 frames, and none when the body is empty.
func (r *Request) Body() [][]byte { return r.body }

// Free releases the transport's buffers and recycles r, which must not be used again.
func (r *Request) Free() {
	r.reset()
	requests.Put(r)
}

// requests recycles Requests: an exchange receives several, each with a few slices.
var requests = sync.Pool{New: func() any { return new(Request) }}

// reset drops all references, so that a recycled Request keeps no buffer alive.
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

// maxKept bounds the slices that a recycled Request keeps, in elements: one message with
// many headers or frames must not pin memory for ever.
const maxKept = 256

func emptied[S ~[]E, E any](s S) S {
	if cap(s) > maxKept {
		return nil
	}
	clear(s) // what is past its length has been cleared before
	return s[:0]
}
