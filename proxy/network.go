package proxy

import (
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/keepalive"

	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/transport"
)

// A GRPCServer serves the listener of a policy: *transport.Server on a unix
// socket, *grpc.Server on a network. Stop and GracefulStop return once every
// handler has ended.
type GRPCServer interface {
	grpc.ServiceRegistrar
	Serve(net.Listener) error
	GracefulStop()
	Stop()
}

// NewGRPCServer returns the server that p asks for. t is mutual TLS, and nil
// where p has none.
func NewGRPCServer(p *policy.Policy, t *tls.Config, log *slog.Logger) GRPCServer {
	o := Transport(p)
	o.Log = log
	if p.Transport == policy.OwnTransport {
		return transport.New(o)
	}
	opts := NetworkOptions(o)
	if t != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(t)))
	}
	return grpc.NewServer(opts...)
}

const (
	// maxHeaderList bounds the request headers of a stream, as proxy/transport does.
	maxHeaderList = 16 << 10

	// streamWorkers is how many goroutines keep the stack that a handler has grown,
	// for the next stream. Streams past their number get a new goroutine each.
	streamWorkers = 64

	// A client's certificate is checked when it connects, and again at this age of
	// its connection. Streams in flight then have all the time that they need (no
	// MaxConnectionAgeGrace is infinite grace):
	// what would be cut short is somebody's exchange.
	maxConnectionAge = time.Hour

	// leastPing is below the 10 s of Envoy's shortest usual keepalive. A server that
	// finds pings too frequent ends the connection, and with it every exchange.
	leastPing = 5 * time.Second

	// A peer that has vanished without a word is found by pings of our own.
	pingEvery, pingTimeout = time.Minute, 20 * time.Second
)

// NetworkOptions returns what google.golang.org/grpc's server needs to serve as
// o says: the same codec, the buffers that are cleared when they are freed, and
// the same bounds. Unlike proxy/transport, grpc-go leaves messages that no handler
// has read to the garbage collector, which does not clear them.
func NetworkOptions(o transport.Options) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(o.Codec), experimental.BufferPool(o.Pool),
		grpc.MaxRecvMsgSize(o.MaxMessage), grpc.MaxSendMsgSize(sendFactor * o.MaxMessage),
		grpc.MaxConcurrentStreams(o.Streams), grpc.MaxHeaderListSize(maxHeaderList),
		grpc.StaticStreamWindowSize(o.Window), grpc.StaticConnWindowSize(o.ConnWindow),
		grpc.ConnectionTimeout(o.Handshake), grpc.WaitForHandlers(true), grpc.NumStreamWorkers(streamWorkers),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: maxConnectionAge, Time: pingEvery, Timeout: pingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPing, PermitWithoutStream: true}),
	}
}

// sendFactor is by how much a sealed body may be longer than the body that came.
const sendFactor = 4
