package wire

import (
	"context"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// A bounded stream can wait for a message with a bound, as those of
// proxy/transport do. The error is os.ErrDeadlineExceeded when no message came
// in time, and the stream is as before.
type bounded interface {
	RecvMsgWithin(m any, bound time.Duration) error
}

// A Stream is one Process call. Recv and Send may be used by one goroutine each.
type Stream struct {
	grpc.ServerStream
	bounded bounded  // the same stream; nil for one of grpc-go
	pending *pending // a receive that a bound left behind; nil for none
}

// NewStream returns the Process call that s is.
func NewStream(s grpc.ServerStream) *Stream {
	b, _ := s.(bounded)
	return &Stream{ServerStream: s, bounded: b}
}

// Context ends when the peer cancels, the connection breaks or the handler returns.
func (s *Stream) Context() context.Context { return s.ServerStream.Context() }

// Authority is the :authority that the peer gave the call, "" for none.
func (s *Stream) Authority() string {
	if own, ok := s.ServerStream.(interface{ Authority() string }); ok {
		return own.Authority()
	}
	if all := metadata.ValueFromIncomingContext(s.Context(), ":authority"); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Recv waits for the next message, which the caller has to Free. The error is io.EOF when
// the peer has closed its side, and else a gRPC status; Envoy's usual end of a stream is
// codes.Canceled. A malformed message is an error that ends the stream.
func (s *Stream) Recv() (*Request, error) { return s.RecvWithin(0) }

// RecvWithin is Recv that waits for bound at most, when bound is more than 0.
// The error is then os.ErrDeadlineExceeded, and the stream is as before.
func (s *Stream) RecvWithin(bound time.Duration) (*Request, error) {
	if s.bounded == nil {
		return s.receiveBeside(bound)
	}
	r := requests.Get().(*Request)
	if err := s.bounded.RecvMsgWithin(r, bound); err != nil {
		r.Free()
		return nil, err
	}
	return r, nil
}

// receiveBeside is RecvWithin for a stream that can only wait without a bound:
// another goroutine waits, and is asked again by the next call.
func (s *Stream) receiveBeside(bound time.Duration) (*Request, error) {
	if s.pending == nil {
		if bound <= 0 {
			return receive(s.ServerStream)
		}
		s.pending = receiveLater(s.ServerStream)
	}
	r, err, ok := s.pending.within(bound)
	if !ok {
		return nil, os.ErrDeadlineExceeded
	}
	s.pending = nil
	return r, err
}

// end frees a message that arrives after the handler has returned: it may hold
// plaintext, and nobody else would clear it.
func (s *Stream) end() {
	if s.pending != nil {
		s.pending.abandon()
	}
}

// Send sends r, which may be used again once Send has returned; its Segments only once
// Release has been called.
func (s *Stream) Send(r *Reply) error { return s.SendMsg(r) }

// Register adds the ext_proc service to s, whose codec must be Codec.
// process is called for each stream, in a goroutine of its own; what it returns becomes
// the status of the stream. To Envoy, nil means "go on without me".
func Register(s grpc.ServiceRegistrar, process func(*Stream) error) {
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "envoy.service.ext_proc.v3.ExternalProcessor",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "Process",
			Handler: func(_ any, s grpc.ServerStream) error {
				stream := NewStream(s)
				defer stream.end()
				return process(stream)
			},
			ServerStreams: true,
			ClientStreams: true,
		}},
		Metadata: "envoy/service/ext_proc/v3/external_processor.proto",
	}, nil)
}
