package xds

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"go.uber.org/goleak"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is an Envoy's stream: the test says what Envoy sends, and sees what it
// gets.
type fake struct {
	grpc.ServerStream
	ctx  context.Context
	end  context.CancelFunc
	up   chan *discovery.DeltaDiscoveryRequest
	down chan *discovery.DeltaDiscoveryResponse
	done chan struct{}
	err  error // how the RPC ended, once done is closed
	id   string
}

func newServer() *Server { return New(slog.New(slog.DiscardHandler)) }

// connect opens a stream, which ends with the test.
func connect(t *testing.T, s *Server, id string) *fake {
	t.Helper()
	f := &fake{
		up: make(chan *discovery.DeltaDiscoveryRequest), down: make(chan *discovery.DeltaDiscoveryResponse, 100),
		done: make(chan struct{}), id: id,
	}
	f.ctx, f.end = context.WithCancel(context.Background())
	go func() {
		defer close(f.done)
		defer f.end()
		f.err = (&service{server: s}).DeltaAggregatedResources(f)
	}()
	t.Cleanup(f.close)
	return f
}

func (f *fake) close() {
	f.end()
	<-f.done
}

func (f *fake) Context() context.Context { return f.ctx }

func (f *fake) Send(r *discovery.DeltaDiscoveryResponse) error {
	select {
	case f.down <- r:
		return nil
	case <-f.ctx.Done():
		return f.ctx.Err()
	}
}

func (f *fake) Recv() (*discovery.DeltaDiscoveryRequest, error) {
	select {
	case r := <-f.up:
		return r, nil
	case <-f.ctx.Done():
		return nil, io.EOF
	}
}

func (f *fake) send(r *discovery.DeltaDiscoveryRequest) {
	r.Node = &corev3.Node{Id: f.id, UserAgentVersionType: &corev3.Node_UserAgentVersion{UserAgentVersion: "1.40.0"}}
	select {
	case f.up <- r:
	case <-f.ctx.Done():
	}
}

func (f *fake) subscribe(url string, names ...string) {
	f.send(&discovery.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesSubscribe: names})
}

func (f *fake) ack(r *discovery.DeltaDiscoveryResponse) {
	f.send(&discovery.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce})
}

func (f *fake) nack(r *discovery.DeltaDiscoveryResponse, reason string) {
	f.send(&discovery.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce, ErrorDetail: &rpcstatus.Status{Code: 13, Message: reason}})
}

// next is what Envoy gets next.
func (f *fake) next(t *testing.T) *discovery.DeltaDiscoveryResponse {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-f.down:
		return r
	default:
		t.Fatal("Envoy got nothing")
		return nil
	}
}

// quiet fails the test if Envoy got something.
func (f *fake) quiet(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-f.down:
		t.Fatalf("Envoy got %v", r)
	default:
	}
}

// ackAll acknowledges everything until the stream ends.
func (f *fake) ackAll() {
	for {
		select {
		case r := <-f.down:
			f.ack(r)
		case <-f.ctx.Done():
			return
		}
	}
}

// A setting is a Set that runs.
type setting struct {
	done chan struct{}
	err  error
}

func replace(ctx context.Context, s *Server, rs ...Resource) *setting {
	r := &setting{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = s.Set(ctx, rs)
	}()
	return r
}

// waits fails the test if the Set has returned.
func (r *setting) waits(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case <-r.done:
		t.Fatalf("Set returned %v", r.err)
	default:
	}
}

// returns returns the error of the Set, which must have returned.
func (r *setting) returns(t *testing.T) error {
	t.Helper()
	synctest.Wait()
	select {
	case <-r.done:
	default:
		t.Fatal("Set waits")
	}
	return r.err
}

const (
	rds = resource.RouteType
	cds = resource.ClusterType
)

// table is a RouteConfiguration; what makes it differ from others of the name.
func table(name, what string) Resource {
	return Resource{Name: name, Body: &routev3.RouteConfiguration{Name: name, InternalOnlyHeaders: []string{what}}}
}

// place puts rs in place while nobody is connected.
func place(t *testing.T, s *Server, rs ...Resource) {
	t.Helper()
	if err := s.Set(t.Context(), rs); !errors.Is(err, ErrNoEnvoy) {
		t.Fatal(err)
	}
}
