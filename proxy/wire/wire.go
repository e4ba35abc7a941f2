// Package wire speaks the ext_proc protocol without copying bodies. Its gRPC
// codec walks the wire format of envoy.service.ext_proc.v3.ProcessingRequest for what
// an exchange needs, keeps the transport's refcounted buffers, and writes
// ProcessingResponse around segments that it does not own.
package wire

import (
	"context"

	"google.golang.org/grpc"
)

// A Phase is which message of an exchange a Request or Reply is.
type Phase uint8

const (
	None Phase = iota // a message without a `request`: flow control, or from the future
	RequestHeaders
	RequestBody
	RequestTrailers
	ResponseHeaders
	ResponseBody
	ResponseTrailers
)

// A BodyMode is Envoy's ProcessingMode.BodySendMode, with its numbers.
type BodyMode int32

const (
	ModeNone BodyMode = iota
	ModeStreamed
	ModeBuffered
	ModeBufferedPartial
	ModeFullDuplex
	ModeGRPC
)

// Protocol is the protocol_config of a stream's first message.
type Protocol struct{ Request, Response BodyMode }

// A Request is one ProcessingRequest. It holds references to transport buffers until Free.
type Request struct {
	Phase         Phase
	EndOfStream   bool
	Observability bool      // observability_mode
	FlowControl   bool      // flow_control_init is present
	Protocol      *Protocol // nil when the message has none
}

// Headers calls yield for each header or trailer of the message, in order; the slices
// are valid until Free. Names are as sent (Envoy sends lower case).
func (r *Request) Headers(yield func(name, value []byte) bool) { panic("not yet") }

// Attribute returns a string attribute that Envoy was configured to send (request_attributes).
func (r *Request) Attribute(name string) (string, bool) { panic("not yet") }

// Body returns the pieces of a body message, valid until Free.
func (r *Request) Body() [][]byte { panic("not yet") }

// Free releases the transport's buffers.
func (r *Request) Free() { panic("not yet") }

// A Reply is one ProcessingResponse.
type Reply struct {
	Phase     Phase
	Set       []Header // header_mutation.set_headers, overwriting
	Remove    []string // header_mutation.remove_headers
	Body      BodyReply
	Segments  [][]byte  // the new body, or the next piece of it
	End       bool      // BodyStreamed: end_of_stream
	Mode      *Protocol // mode_override of both body modes, in header replies
	Immediate *Immediate
	// Release, when not nil, is called once, when Segments are no longer in use.
	Release func()
}

// A Header is one header to set.
type Header struct{ Name, Value string }

// BodyReply says what becomes of a body.
type BodyReply uint8

const (
	BodyUnchanged BodyReply = iota // no body_mutation
	BodyReplaced                   // body_mutation.body (BUFFERED, STREAMED)
	BodyStreamed                   // body_mutation.streamed_response (FULL_DUPLEX_STREAMED)
)

// Immediate is an ImmediateResponse.
type Immediate struct {
	Status     int
	Headers    []Header
	Body       []byte
	GRPCStatus int // -1 for none
	Details    string
}

// A Stream is one Process call. Recv and Send may be used by one goroutine each.
type Stream struct{ grpc.ServerStream }

func (s *Stream) Context() context.Context { return s.ServerStream.Context() }
func (s *Stream) Recv() (*Request, error)  { panic("not yet") }
func (s *Stream) Send(r *Reply) error      { panic("not yet") }

// Register adds the ext_proc service to s, which must have been made with ServerOption.
func Register(s grpc.ServiceRegistrar, process func(*Stream) error) { panic("not yet") }

// ServerOption makes a grpc.Server use this package's codec for ext_proc messages and
// the generated code for all others.
func ServerOption() grpc.ServerOption { panic("not yet") }
