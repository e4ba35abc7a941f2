package wire

import (
	"context"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// A bounded stream can wait for a message for a limited time, as streams of
// proxy/transport can. After that time the error is os.ErrDeadlineExceeded, and
// the stream may still be used.
type bounded interface {
	RecvMsgWithin(m any, bound time.Duration) error
}

// A Stream is one Process call. Recv and Send may be used by one goroutine
// each.
type Stream struct {
	grpc.ServerStream
	bounded bounded  // the same stream; nil: a stream of grpc-go
	pending *pending // a receive that outlived its limit; nil: none
}

// NewStream returns s as a Process call.
func NewStream(s grpc.ServerStream) *Stream {
	b, _ := s.(bounded)
	return &Stream{ServerStream: s, bounded: b}
}

// Context returns a context that ends when the peer cancels, the connection
// breaks or the handler returns.
func (s *Stream) Context() context.Context { return s.ServerStream.Context() }

// Authority returns the :authority that the peer gave the call, "" for none.
func (s *Stream) Authority() string {
	if own, ok := s.ServerStream.(interface{ Authority() string }); ok {
		return own.Authority()
	}
	if all := metadata.ValueFromIncomingContext(s.Context(), ":authority"); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Recv waits for the next message, which the caller must Free. The error is
// io.EOF when the peer has closed its side, and a gRPC status otherwise; Envoy
// usually ends a stream with codes.Canceled. A malformed message ends the
// stream.
func (s *Stream) Recv() (*Request, error) { return s.RecvWithin(0) }

// RecvWithin is Recv that waits for at most bound; 0 means no limit. After
// bound the error is os.ErrDeadlineExceeded, and the stream may still be used.
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

// receiveBeside is RecvWithin for a stream that can only wait without a limit.
// Another goroutine waits for the message, and the next call asks it again.
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

// end frees a message that comes after the handler has returned. The message
// may hold plaintext, and nobody else would clear it.
func (s *Stream) end() {
	if s.pending != nil {
		s.pending.abandon()
	}
}

// Send sends r. Afterwards r may be used again, but its Segments only after
// Release has been called.
func (s *Stream) Send(r *Reply) error { return s.SendMsg(r) }

// Register adds the ext_proc service to s, whose codec must be Codec or
// NetworkCodec. process runs each stream in a goroutine of its own, and its
// result is the status of the stream. To Envoy, nil means "continue without the
// processor".
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
