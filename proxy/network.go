package proxy

import (
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/transport"
	"github.com/sealmesh/sealmesh/proxy/wire"
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
// o says: the same messages, the buffers that are cleared when they are freed, and
// the same bounds. Unlike proxy/transport, grpc-go leaves messages that no handler
// has read, and those queued for a connection that breaks, to the garbage
// collector, which does not clear them.
func NetworkOptions(o transport.Options) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(wire.NetworkCodec()), experimental.BufferPool(o.Pool),
		grpc.MaxRecvMsgSize(o.MaxMessage), grpc.MaxSendMsgSize(sendFactor * o.MaxMessage),
		grpc.MaxConcurrentStreams(o.Streams), grpc.MaxHeaderListSize(maxHeaderList),
		grpc.StaticStreamWindowSize(o.Window), grpc.StaticConnWindowSize(o.ConnWindow),
		grpc.ConnectionTimeout(o.Handshake), grpc.WaitForHandlers(true), grpc.NumStreamWorkers(streamWorkers),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: maxConnectionAge, Time: pingEvery, Timeout: pingTimeout}),
		grpc.ChainStreamInterceptor(boundSends(o.Send)),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPing, PermitWithoutStream: true}),
	}
}

// sendFactor is by how much a sealed body may be longer than the body that came.
const sendFactor = 4

var errSlow = status.Error(codes.DeadlineExceeded, "the peer takes no more of the message")

// boundSends has the sends of a stream fail that take longer than bound, as those
// of proxy/transport do. 0 is no bound.
func boundSends(bound time.Duration) grpc.StreamServerInterceptor {
	return func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		if bound > 0 {
			s = &boundedSends{ServerStream: s, bound: bound}
		}
		return handle(srv, s)
	}
}

type boundedSends struct {
	grpc.ServerStream
	bound time.Duration
	slow  bool
}

// SendMsg sends m from a goroutine, since grpc-go's waits without a bound. After one
// that was too slow the stream takes nothing more: its handler ends, and with it
// the send. m has been encoded long before, and is not used any more.
func (s *boundedSends) SendMsg(m any) error {
	if s.slow {
		return errSlow
	}
	sent := make(chan error, 1)
	go func() { sent <- s.ServerStream.SendMsg(m) }()
	late := time.NewTimer(s.bound)
	defer late.Stop()
	select {
	case err := <-sent:
		return err
	case <-late.C:
		s.slow = true
		return errSlow
	}
}
