package proxy

import (
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/transport"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// Our own server faces the Envoy on this host and nobody else.
func TestWhichServerServesWhom(t *testing.T) {
	const tls = "tls: {cert: /c, key: /k, client_ca: /ca, allow: [envoy]}\n"
	for listener, own := range map[string]bool{
		"":                             true,
		"listen: unix:///run/s\n":      true,
		"listen_transport: own\n":      true,
		"listen_transport: grpc\n":     false,
		tls:                            false,
		"listen: tcp://[::]:1\n" + tls: false,
	} {
		p, err := policy.Load("policy.yaml", []byte("version: 1\n"+listener+"routes: [{name: a, match: {path: /a}, skip: true}]\n"), os.LookupEnv, os.ReadFile)
		must(t, err)
		g := NewGRPCServer(p, nil, slog.New(slog.DiscardHandler))
		_, isOwn := g.(*transport.Server)
		_, isGRPC := g.(*grpc.Server)
		if isOwn != own || isGRPC == own {
			t.Errorf("%q is served by %T", listener, g)
		}
		g.Stop()
	}
}

// A peer that takes nothing more does not keep its exchange for ever.
func TestSlowReaderOnANetwork(t *testing.T) {
	failed := make(chan error, 2)
	g := grpc.NewServer(NetworkOptions(transport.Options{
		Codec: wire.Codec(), Pool: wire.Pool(), MaxMessage: 1 << 20, Streams: 1,
		Window: 1 << 18, ConnWindow: 1 << 20, Handshake: time.Minute, Send: 50 * time.Millisecond,
	})...)
	wire.Register(g, func(s *wire.Stream) error {
		for {
			reply := &wire.Reply{Phase: wire.RequestBody, Body: wire.BodyStreamed, Segments: [][]byte{make([]byte, 50_000)}}
			if err := s.Send(reply); err != nil {
				failed <- err
				failed <- s.Send(reply)
				return err
			}
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = g.Serve(l) }()
	defer g.Stop()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	defer conn.Close()
	_, err = extproc.NewExternalProcessorClient(conn).Process(t.Context()) // and never receives
	must(t, err)
	for range 2 {
		if err := <-failed; status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("%v", err)
		}
	}
}
