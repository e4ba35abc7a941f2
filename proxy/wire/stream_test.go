package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sealmesh/sealmesh/proxy/transport"
)

// A server is what streams of this package come from: that of the unix socket,
// or grpc-go's, which serves networks.
type server interface {
	grpc.ServiceRegistrar
	Serve(net.Listener) error
	Stop()
}

func ownServer(pool mem.BufferPool) server {
	return transport.New(transport.Options{Codec: Codec(), Pool: pool, MaxMessage: 64 << 20, Window: 1 << 18, ConnWindow: 1 << 22, Handshake: time.Minute})
}

func grpcServer(pool mem.BufferPool) server {
	return grpc.NewServer(grpc.ForceServerCodecV2(NetworkCodec()), experimental.BufferPool(pool),
		grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20), grpc.WaitForHandlers(true))
}

// onServers runs test with each server.
func onServers(t *testing.T, test func(t *testing.T, newServer func(mem.BufferPool) server)) {
	t.Run("own", func(t *testing.T) { test(t, ownServer) })
	t.Run("grpc-go", func(t *testing.T) { test(t, grpcServer) })
}

// serve starts a real server on a unix socket and returns a connection to it.
func serve(t testing.TB, s server, process func(*Stream) error, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	Register(s, process)
	healthpb.RegisterHealthServer(s, health.NewServer())
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient("unix:"+path, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return conn
}

// echo answers headers plainly and gives every body back by reference.
func echo(released *atomic.Int64) func(*Stream) error {
	return func(s *Stream) error {
		for {
			r, err := s.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			reply := &Reply{Phase: r.Phase}
			if r.Phase == RequestBody || r.Phase == ResponseBody {
				reply.Body, reply.Segments, reply.End = BodyStreamed, r.Body(), r.EndOfStream
			}
			reply.Release = func() { released.Add(1); r.Free() }
			if err := s.Send(reply); err != nil {
				return err
			}
		}
	}
}

func open(t testing.TB, conn *grpc.ClientConn) extproc.ExternalProcessor_ProcessClient {
	t.Helper()
	s, err := extproc.NewExternalProcessorClient(conn).Process(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStreamWithGeneratedClient(t *testing.T) {
	onServers(t, func(t *testing.T, newServer func(mem.BufferPool) server) {
		var released atomic.Int64
		conn := serve(t, newServer(Pool()), echo(&released), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
		if _, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
			t.Fatalf("health through the same codec: %v", err)
		}
		s := open(t, conn)
		exchange := func(m *extproc.ProcessingRequest) *extproc.ProcessingResponse {
			t.Helper()
			if err := s.Send(m); err != nil {
				t.Fatal(err)
			}
			got, err := s.Recv()
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if got := exchange(messages(t)["request headers"]); got.GetRequestHeaders() == nil {
			t.Errorf("headers answered by %v", got)
		}
		for _, n := range []int{0, 1, 1000, 16 << 10, 100_000, 5 << 20} {
			body := bytes.Repeat([]byte("x"), n)
			got := exchange(&extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseBody{
				ResponseBody: &extproc.HttpBody{Body: body, EndOfStream: true},
			}}).GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse()
			if !bytes.Equal(got.GetBody(), body) || !got.GetEndOfStream() {
				t.Errorf("%d bytes came back as %d, end %v", n, len(got.GetBody()), got.GetEndOfStream())
			}
		}
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("the stream ended with %v", err)
		}
		if n := released.Load(); n != 7 {
			t.Errorf("7 replies were released %d times", n)
		}
	})
}

func TestMalformedMessageEndsTheStream(t *testing.T) {
	onServers(t, func(t *testing.T, newServer func(mem.BufferPool) server) {
		var released atomic.Int64
		conn := serve(t, newServer(Pool()), echo(&released))
		// A well-formed message of another type, whose field 4 ends too early.
		s, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, extproc.ExternalProcessor_Process_FullMethodName)
		if err != nil {
			t.Fatal(err)
		}
		bad := new(healthpb.HealthCheckRequest)
		bad.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), []byte{1<<3 | 2, 9}))
		if err := s.SendMsg(bad); err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(new(extproc.ProcessingResponse)); status.Code(err) != codes.Internal {
			t.Errorf("the stream ended with %v, want Internal", err)
		}
	})
}

func TestHandlerErrorIsTheStatus(t *testing.T) {
	onServers(t, func(t *testing.T, newServer func(mem.BufferPool) server) {
		conn := serve(t, newServer(Pool()), func(s *Stream) error {
			if _, err := s.Recv(); err != nil {
				return err
			}
			return status.Error(codes.FailedPrecondition, "refused")
		})
		s := open(t, conn)
		if err := s.Send(messages(t)["empty"]); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Recv(); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("got %v", err)
		}
	})
}

// A peer that disconnects while replies are queued still gets their buffers
// released, whether its stream ends or its connection.
func TestReleaseWhenThePeerIsGone(t *testing.T) {
	onServers(t, func(t *testing.T, newServer func(mem.BufferPool) server) {
		for _, broken := range []bool{false, true} {
			t.Run(fmt.Sprint("connection broken=", broken), func(t *testing.T) {
				gone, released := make(chan struct{}), make(chan struct{}, 4096)
				ended := make(chan int, 1)
				conn := serve(t, newServer(Pool()), func(s *Stream) error {
					r, err := s.Recv()
					if err != nil {
						return err
					}
					r.Free()
					close(gone)
					for n := 1; ; n++ { // until flow control or the end stops us
						err := s.Send(&Reply{
							Phase: RequestBody, Body: BodyStreamed, Segments: segments(32<<10, 32<<10),
							Release: func() { released <- struct{}{} },
						})
						if err != nil {
							ended <- n
							return err
						}
					}
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s, err := extproc.NewExternalProcessorClient(conn).Process(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Send(messages(t)["empty"]); err != nil {
					t.Fatal(err)
				}
				<-gone
				if broken {
					conn.Close()
				} else {
					cancel()
				}
				for range <-ended {
					<-released
				}
			})
		}
	})
}
