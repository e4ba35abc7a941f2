// Package dataplane plays Envoy's part in Go, for tests, benchmarks and the
// demo where there is no Envoy: a reverse proxy that sends every HTTP exchange
// through an ext_proc processor. It does what Envoy does as far as a processor
// can observe it, and treats replies as Envoy does, even where that is harmful:
// if a processor closes its stream with OK, the rest passes unprocessed, and
// Stats counts it. TestLikeEnvoy compares it with a real Envoy 1.40.
//
// It is stricter than Envoy in one point: a FULL_DUPLEX_STREAMED reply that
// breaks the grammar (end_of_stream before it was received, with trailers, or
// twice) is an error. It always fails closed; there is no failure_mode_allow.
// It refuses the GRPC body mode, which Envoy does not implement either, and
// observability mode.
package dataplane

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// Envoy's defaults.
const (
	DefaultMessageTimeout = 200 * time.Millisecond
	DefaultBufferLimit    = 1 << 20 // per_connection_buffer_limit_bytes
)

// A Mode is Envoy's ProcessingMode. Headers and trailers are sent if true.
type Mode struct {
	RequestHeaders, ResponseHeaders   bool
	RequestBody, ResponseBody         wire.BodyMode
	RequestTrailers, ResponseTrailers bool
}

// A Config says what to proxy and how. It must not be changed while in use.
type Config struct {
	Processor string   // gRPC target of the processor: unix:/path or host:port
	Upstream  *url.URL // scheme and host of the upstream
	Mode      Mode

	// Transport reaches the upstream; nil means one that changes as little as
	// net/http can.
	Transport http.RoundTripper
	// RequestAttributes and ResponseAttributes are the attributes sent with the
	// first message of their direction; see attribute for the known names.
	RequestAttributes, ResponseAttributes []string
	// RouteName is the attribute xds.route_name.
	RouteName string
	// MessageTimeout is how long a reply may take; 0 means DefaultMessageTimeout.
	// As in Envoy, FULL_DUPLEX_STREAMED has no such limit.
	MessageTimeout time.Duration
	// MaxMessageTimeout limits override_message_timeout; 0 ignores the override.
	MaxMessageTimeout time.Duration
	// BufferLimit is how many bytes of a direction may be held back; 0 means
	// DefaultBufferLimit. Past it, BUFFERED refuses and every other mode stops
	// reading.
	BufferLimit int
	// AllowModeOverride honours mode_override in header replies.
	AllowModeOverride bool
	// AllowContentLength is allow_content_length_header: a content-length is never
	// removed, and the processor's is taken as it is.
	AllowContentLength bool
	// SendBodyWithoutWaiting is send_body_without_waiting_for_header_response.
	SendBodyWithoutWaiting bool
	// NoProtocolConfig omits protocol_config, as Envoy before 1.34 does.
	NoProtocolConfig bool

	// Details, if not nil, is called with the reason why an exchange failed:
	// roughly Envoy's response code details. Several goroutines may call it at
	// once.
	Details func(string)

	Faults Faults
}

// Stats count exchanges since New.
type Stats struct {
	Streams   atomic.Int64 // streams opened to the processor
	Sent      atomic.Int64 // messages sent
	Received  atomic.Int64 // replies received
	Spurious  atomic.Int64 // replies of the wrong kind, early or extra
	Timeouts  atomic.Int64 // replies that were late
	Failed    atomic.Int64 // streams that ended with an error
	Bypassed  atomic.Int64 // exchanges that passed in part unprocessed, after a clean close
	Rejected  atomic.Int64 // header mutations that the rules ignored
	Immediate atomic.Int64 // ImmediateResponses
}

// A Proxy is an http.Handler. Close it after use.
type Proxy struct {
	Stats Stats

	config    Config
	conn      *grpc.ClientConn
	client    extproc.ExternalProcessorClient
	transport http.RoundTripper
}

// New returns a Proxy. It refuses the configurations that Envoy refuses, and
// the modes that neither implements. It dials the processor on first use.
func New(c Config) (*Proxy, error) {
	if err := c.Mode.check(); err != nil {
		return nil, err
	}
	if c.Upstream == nil {
		return nil, errors.New("dataplane: no upstream")
	}
	if c.MessageTimeout == 0 {
		c.MessageTimeout = DefaultMessageTimeout
	}
	if c.BufferLimit == 0 {
		c.BufferLimit = DefaultBufferLimit
	}
	if c.Transport == nil {
		c.Transport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1024}
	}
	// A BUFFERED body travels in one message, whatever its size.
	const unlimited = 1<<31 - 1
	conn, err := grpc.NewClient(c.Processor,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(unlimited), grpc.MaxCallSendMsgSize(unlimited)))
	if err != nil {
		return nil, fmt.Errorf("dataplane: processor: %w", err)
	}
	return &Proxy{config: c, conn: conn, client: extproc.NewExternalProcessorClient(conn), transport: c.Transport}, nil
}

func (m Mode) check() error {
	for _, d := range []struct {
		name     string
		body     wire.BodyMode
		trailers bool
	}{{"request", m.RequestBody, m.RequestTrailers}, {"response", m.ResponseBody, m.ResponseTrailers}} {
		switch {
		case d.body < wire.ModeNone || d.body >= wire.ModeGRPC:
			return fmt.Errorf("dataplane: %s body mode %d is not implemented", d.name, d.body)
		case d.body == wire.ModeFullDuplex && !d.trailers:
			return fmt.Errorf("dataplane: FULL_DUPLEX_STREAMED needs the %s trailers sent", d.name)
		}
	}
	return nil
}

// Close closes the connections to the processor and idle ones to the upstream.
// Exchanges in flight fail.
func (p *Proxy) Close() error {
	if t, ok := p.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	return p.conn.Close()
}
