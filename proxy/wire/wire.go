// Package wire speaks the ext_proc protocol without copying bodies. Its gRPC
// codec walks the wire format of envoy.service.ext_proc.v3.ProcessingRequest for what
// an exchange needs, keeps the transport's refcounted buffers, and writes
// ProcessingResponse around segments that it does not own. What it does not expect it
// leaves to the generated code, so that the meaning of a message is protobuf's.
package wire

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
