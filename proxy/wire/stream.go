package wire

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// A ServerStream is a stream of a transport that can wait with a bound: proxy/transport's.
type ServerStream interface {
	grpc.ServerStream
	RecvMsgWithin(m any, bound time.Duration) error
}

// A Stream is one Process call. Recv and Send may be used by one goroutine each.
type Stream struct{ ServerStream }

// Context ends when the peer cancels, the connection breaks or the handler returns.
func (s *Stream) Context() context.Context { return s.ServerStream.Context() }

// Recv waits for the next message, which the caller has to Free. The error is io.EOF when
// the peer has closed its side, and else a gRPC status; Envoy's usual end of a stream is
// codes.Canceled. A malformed message is an error that ends the stream.
func (s *Stream) Recv() (*Request, error) { return s.RecvWithin(0) }

// RecvWithin is Recv that waits for bound at most, when that is more than 0: the error is
// then the transport's, and the stream goes on.
func (s *Stream) RecvWithin(bound time.Duration) (*Request, error) {
	r := requests.Get().(*Request)
	if err := s.RecvMsgWithin(r, bound); err != nil {
		r.Free()
		return nil, err
	}
	return r, nil
}

// Send sends r, which may be used again once Send has returned; its Segments only once
// Release has been called.
func (s *Stream) Send(r *Reply) error { return s.SendMsg(r) }

// Register adds the ext_proc service to s, whose codec must be Codec, and whose streams ServerStreams.
// process is called for each stream, in a goroutine of its own; what it returns becomes
// the status of the stream. To Envoy, nil means "go on without me".
func Register(s grpc.ServiceRegistrar, process func(*Stream) error) {
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "envoy.service.ext_proc.v3.ExternalProcessor",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName:    "Process",
			Handler:       func(_ any, s grpc.ServerStream) error { return process(&Stream{s.(ServerStream)}) },
			ServerStreams: true,
			ClientStreams: true,
		}},
		Metadata: "envoy/service/ext_proc/v3/external_processor.proto",
	}, nil)
}
