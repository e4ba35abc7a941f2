package transport_test

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/sealmesh/sealmesh/proxy/transport"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// maxMessage is the longest message of the tests, in bytes.
const maxMessage = 8 << 20

func options() transport.Options {
	return transport.Options{
		Codec: wire.Codec(), Pool: wire.Pool(), Metadata: []string{"traceparent"},
		MaxMessage: maxMessage, Streams: 100, Window: 256 << 10, ConnWindow: 1 << 20, Handshake: time.Minute,
	}
}

// serve runs a server with process as its ext_proc service and returns a client of grpc-go.
func serve(t testing.TB, o transport.Options, process func(*wire.Stream) error) (*transport.Server, *grpc.ClientConn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	s := transport.New(o)
	wire.Register(s, process)
	healthpb.RegisterHealthServer(s, health.NewServer())
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	conn, err := grpc.NewClient("unix:"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(2*maxMessage), grpc.MaxCallSendMsgSize(2*maxMessage)))
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
	return s, conn
}

func TestHealth(t *testing.T) {
	_, conn := serve(t, options(), nil)
	reply, err := healthpb.NewHealthClient(conn).Check(t.Context(), new(healthpb.HealthCheckRequest))
	if err != nil || reply.Status != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("%v, %v", reply, err)
	}
}
