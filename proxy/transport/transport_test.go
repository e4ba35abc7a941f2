package transport_test

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"

	"github.com/sealmesh/sealmesh/proxy/transport"
)

const (
	// maxMessage is the longest message of the tests, in bytes.
	maxMessage = 8 << 20
	maxStreams = 100
	window     = 256 << 10
)

func options(t testing.TB) transport.Options {
	return transport.Options{
		Codec: testCodec, Pool: newCountingPool(t), Metadata: []string{"traceparent"},
		MaxMessage: maxMessage, Streams: maxStreams, Window: window, ConnWindow: 1 << 20, Handshake: time.Minute,
	}
}

// A message is any bytes, which a handler gets and sends without a copy.
type message struct{ data mem.BufferSlice }

// codec is for *message, for *[]byte, which is copied, and for what is
// protobuf's.
type codec struct{ encoding.CodecV2 }

var testCodec = codec{encoding.GetCodecV2(proto.Name)}

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	switch v := v.(type) {
	case *message:
		data := v.data
		v.data = nil
		return data, nil
	case *[]byte:
		return mem.BufferSlice{mem.SliceBuffer(*v)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch v := v.(type) {
	case *message:
		data.Ref()
		v.data = slices.Clone(data)
		return nil
	case *[]byte:
		*v = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// echo sends back what comes.
func echo(s grpc.ServerStream) error {
	for {
		var m message
		if err := s.RecvMsg(&m); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := s.SendMsg(&m); err != nil {
			return err
		}
	}
}

const method = "/test.Service/Process"

func register(s grpc.ServiceRegistrar, handler func(grpc.ServerStream) error) {
	healthpb.RegisterHealthServer(s, health.NewServer())
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Service", HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "Process", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, s grpc.ServerStream) error { return handler(s) },
		}},
	}, nil)
}

// listen runs a server with handler as its streaming method, on a unix socket.
func listen(t testing.TB, o transport.Options, handler func(grpc.ServerStream) error) (*transport.Server, net.Addr) {
	t.Helper()
	s := transport.New(o)
	register(s, handler)
	return s, run(t, s)
}

// run serves s to the end of the test.
func run(t testing.TB, s *transport.Server) net.Addr {
	t.Helper()
	return runOn(t, s, "unix", filepath.Join(t.TempDir(), "s"))
}

func runOn(t testing.TB, s *transport.Server, network, addr string) net.Addr {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil && !errors.Is(err, transport.ErrStopped) {
			t.Errorf("serve: %v", err)
		}
	})
	return l.Addr()
}

// serve is listen with a client of grpc-go.
func serve(t testing.TB, o transport.Options, handler func(grpc.ServerStream) error) (*transport.Server, *grpc.ClientConn) {
	t.Helper()
	s, addr := listen(t, o, handler)
	return s, dial(t, addr)
}

func dial(t testing.TB, addr net.Addr) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+addr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(2*maxMessage), grpc.MaxCallSendMsgSize(2*maxMessage)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestHealth(t *testing.T) {
	t.Parallel()
	_, conn := serve(t, options(t), nil)
	reply, err := healthpb.NewHealthClient(conn).Check(t.Context(), new(healthpb.HealthCheckRequest))
	if err != nil || reply.Status != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("%v, %v", reply, err)
	}
}
