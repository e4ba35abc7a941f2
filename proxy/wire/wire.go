// Package wire encodes and decodes ext_proc messages without copying bodies.
//
// # Terms
//
// A Request is a message from Envoy (ProcessingRequest), a Reply a message to
// Envoy (ProcessingResponse). The phase of a message says which part of an HTTP
// exchange it is about. A segment is a run of bytes in a buffer that may have
// another owner.
//
// # Life of a message
//
//	transport buffers ─► Request.unmarshal ─► Body: views ─► Free
//	                     takes references                    returns references
//
//	Segments of any owner ─► Reply.marshal ─► transport ─► Release
//	                         short: copied    writes        the owner may reuse
//	                         long: views      and frees     its segments
//
// The codec decodes the fields of an
// envoy.service.ext_proc.v3.ProcessingRequest that an exchange needs, and keeps
// references to the transport's buffers. It encodes a ProcessingResponse around
// segments that it does not own: backward encodes the fields that precede the
// body, and assembler joins these fields and the segments. Messages that decode
// does not expect go to protobuf's generated code. A fuzz test checks that
// decode and the generated code read every message alike.
//
// # Plaintext
//
// Bodies are plaintext. Pool clears each buffer that is returned to it, and
// the owner of the segments of a Reply clears them after Release.
package wire

// A Phase says which part of an exchange a Request or Reply is about.
type Phase uint8

const (
	None Phase = iota // no `request`: flow control, or a newer kind of message
	RequestHeaders
	RequestBody
	RequestTrailers
	ResponseHeaders
	ResponseBody
	ResponseTrailers
)

// A BodyMode is Envoy's ProcessingMode.BodySendMode, with the same numbers.
type BodyMode int32

const (
	ModeNone BodyMode = iota
	ModeStreamed
	ModeBuffered
	ModeBufferedPartial
	ModeFullDuplex
	ModeGRPC
)

// A Protocol is the protocol_config of the first message of a stream.
type Protocol struct{ Request, Response BodyMode }
