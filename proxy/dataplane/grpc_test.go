package dataplane

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// lister is a gRPC service that answers some, and fails for others.
type lister struct {
	healthpb.UnimplementedHealthServer
}

func (lister) Check(_ context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if r.Service != "known" {
		return nil, status.Error(codes.NotFound, "no such service")
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

// gRPC passes in FULL_DUPLEX_STREAMED, over HTTP/2 on both sides: trailers and
// all.
func TestGRPC(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	upstream := grpc.NewServer()
	healthpb.RegisterHealthServer(upstream, lister{})
	go func() { _ = upstream.Serve(l) }()
	t.Cleanup(upstream.Stop)

	cleartext := new(http.Protocols)
	cleartext.SetUnencryptedHTTP2(true)
	r := newRig(t, Config{
		Mode: all(wire.ModeFullDuplex), Transport: &http.Transport{Protocols: cleartext, DisableCompression: true},
	}, loop(func(m *extproc.ProcessingRequest) []*extproc.ProcessingResponse {
		if b, ok := bodyOf(m); ok {
			return []*extproc.ProcessingResponse{answer(m, common(nil, piece(string(b.Body), b.EndOfStream)))}
		}
		return []*extproc.ProcessingResponse{answer(m, nil)}
	}), nil)
	r.Proxy.config.Upstream = parse(t, "http://"+l.Addr().String())

	front := httptest.NewUnstartedServer(r.Proxy)
	front.Config.Protocols = cleartext
	front.Start()
	t.Cleanup(front.Close)
	conn, err := grpc.NewClient(strings.TrimPrefix(front.URL, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	client := healthpb.NewHealthClient(conn)
	if got, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "known"}); err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v, %v", got, err)
	}
	if want := "response-trailers"; !strings.HasSuffix(r.messages(), want) {
		t.Errorf("messages %q", r.messages())
	}
	if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "other"}); status.Code(err) != codes.NotFound {
		t.Errorf("got %v", err)
	}
}
