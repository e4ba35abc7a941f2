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

const (
	window     = 256 << 10 // bytes; a body of usual size comes without a pause
	connWindow = 4 << 20   // bytes

	// headroom is how much longer a buffered body message may be than its body,
	// in bytes.
	headroom = 1 << 20

	// handshake limits the time in which a peer must begin to speak HTTP/2.
	handshake = 10 * time.Second

	// maxHeaderList limits the request headers of a stream, in bytes.
	// proxy/transport has the same limit.
	maxHeaderList = 16 << 10

	// sendFactor is how many times longer a sealed body may be than the body
	// that came.
	sendFactor = 4

	// streamWorkers is how many goroutines keep the stack that a handler has
	// grown, for the next stream. Further streams get new goroutines.
	streamWorkers = 64

	// maxConnectionAge makes a client connect again, which checks its
	// certificate again. Streams in flight may end first: without
	// MaxConnectionAgeGrace the grace is infinite.
	maxConnectionAge = time.Hour

	// leastPing is below 10 s, Envoy's shortest usual keepalive. A server that
	// finds pings too frequent closes the connection, with all its exchanges.
	leastPing = 5 * time.Second

	// Our own pings find a peer that has vanished without closing.
	pingEvery, pingTimeout = time.Minute, 20 * time.Second
)

// A GRPCServer serves the listener of a policy: *transport.Server on a unix
// socket, *grpc.Server on a network. Stop and GracefulStop return when every
// handler has returned.
type GRPCServer interface {
	grpc.ServiceRegistrar
	Serve(net.Listener) error
	GracefulStop()
	Stop()
}

// NewGRPCServer returns the server for the listener of p. t is the
// configuration of mutual TLS; nil means clear text.
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

// Transport returns options for a proxy/transport server for the listener of p.
// Its MaxMessage allows every message that Envoy may send under p.
func Transport(p *policy.Policy) transport.Options {
	return transport.Options{
		Codec:      wire.Codec(),
		Pool:       wire.Pool(),
		Metadata:   TraceMetadata(),
		MaxMessage: int(max(p.Limits.BufferedBytes, 16<<20)) + headroom,
		Streams:    uint32(p.Limits.Streams),
		Window:     window,
		ConnWindow: connWindow,
		Handshake:  handshake,
		Send:       max(p.Limits.Exchange, 0),
	}
}

// NetworkOptions returns options for a google.golang.org/grpc server. They give
// it the codec and the limits of a proxy/transport server with options o, and
// buffers that are cleared when they are freed. One difference remains: grpc-go
// does not free, and so does not clear, a message that no handler has read, or
// that is queued for a connection that breaks.
func NetworkOptions(o transport.Options) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(wire.NetworkCodec()), experimental.BufferPool(o.Pool),
		grpc.MaxRecvMsgSize(o.MaxMessage), grpc.MaxSendMsgSize(sendFactor * o.MaxMessage),
		grpc.MaxConcurrentStreams(o.Streams), grpc.MaxHeaderListSize(maxHeaderList),
		grpc.StaticStreamWindowSize(o.Window), grpc.StaticConnWindowSize(o.ConnWindow),
		grpc.ConnectionTimeout(o.Handshake), grpc.WaitForHandlers(true), grpc.NumStreamWorkers(streamWorkers),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: maxConnectionAge, Time: pingEvery, Timeout: pingTimeout}),
		grpc.ChainStreamInterceptor(limitSends(o.Send)),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPing, PermitWithoutStream: true}),
	}
}

var errSlow = status.Error(codes.DeadlineExceeded, "the peer did not take the message in time")

// limitSends makes a send fail that takes longer than limit, as sends of
// proxy/transport do. 0 means no limit.
func limitSends(limit time.Duration) grpc.StreamServerInterceptor {
	return func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		if limit > 0 {
			s = &limitedSends{ServerStream: s, limit: limit}
		}
		return handle(srv, s)
	}
}

type limitedSends struct {
	grpc.ServerStream
	limit time.Duration
	slow  bool
}

// SendMsg sends m from a goroutine, since grpc-go's SendMsg has no limit. After
// a send that was too slow, all sends fail, so that the handler returns, which
// ends the slow send. m is encoded long before, and not used any more.
func (s *limitedSends) SendMsg(m any) error {
	if s.slow {
		return errSlow
	}
	sent := make(chan error, 1)
	go func() { sent <- s.ServerStream.SendMsg(m) }()
	timer := time.NewTimer(s.limit)
	defer timer.Stop()
	select {
	case err := <-sent:
		return err
	case <-timer.C:
		s.slow = true
		return errSlow
	}
}
