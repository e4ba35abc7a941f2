package proxy

import (
	"bytes"
	"context"
	"slices"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// AddressAttribute is the request attribute that names a caller without a
// certificate. Each attribute adds a few per cent to what an exchange costs
// Envoy.
const AddressAttribute = "source.address"

// identities are the attributes that name the caller by the certificate of its
// connection to Envoy. A SPIFFE id comes before a DNS name.
var identities = [...]string{"connection.uri_san_peer_certificate", "connection.dns_san_peer_certificate"}

// NamesCaller reports whether the attribute of that name names the caller.
func NamesCaller(attribute string) bool {
	return attribute == AddressAttribute || slices.Contains(identities[:], attribute)
}

// caller returns the name of the caller: from its certificate, else its address
// without the port. It reads attributes only, which are Envoy's own view of the
// connection; anybody could send a header. The name is empty where Envoy is not
// configured to send either, and valid as long as req.
func caller(req *wire.Request) []byte {
	for _, name := range identities {
		if c, ok := req.AttributeBytes(name); ok && len(c) > 0 {
			return c
		}
	}
	address, _ := req.AttributeBytes(AddressAttribute)
	port := bytes.LastIndexByte(address, ':')
	if port < 0 || address[0] == '/' { // a unix socket
		return address
	}
	host := bytes.TrimPrefix(address[:port], []byte("["))
	return bytes.TrimSuffix(host, []byte("]"))
}

// TraceMetadata returns the names of the gRPC request metadata that the service
// reads.
func TraceMetadata() []string { return []string{"traceparent", "tracestate"} }

// carrier is a trace context as a propagation.TextMapCarrier.
type carrier struct{ parent, state string }

func (c carrier) Get(key string) string {
	switch key {
	case "traceparent":
		return c.parent
	case "tracestate":
		return c.state
	}
	return ""
}
func (carrier) Set(string, string) {}
func (carrier) Keys() []string     { return []string{"traceparent", "tracestate"} }

// startSpan joins an exchange to the caller's trace. It returns the context of
// the exchange, its span (nil without a tracer) and the parent of its key uses.
// Envoy's own trace context, in the gRPC metadata, comes before the request
// header, which anybody could send.
func (s *Server) startSpan(ctx context.Context, head *message) (_ context.Context, span trace.Span, parent trace.SpanContext) {
	c := carrier{head.traceparent, head.tracestate}
	if v := metadata.ValueFromIncomingContext(ctx, "traceparent"); len(v) > 0 {
		c = carrier{parent: v[0]}
		if v := metadata.ValueFromIncomingContext(ctx, "tracestate"); len(v) > 0 {
			c.state = v[0]
		}
	}
	if c.parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, c)
	}
	parent = trace.SpanContextFromContext(ctx)
	if s.tracer == nil {
		return ctx, nil, parent
	}
	ctx, span = s.tracer.Start(ctx, "sealmesh.exchange", trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		parent = span.SpanContext() // a span that is not recorded cannot be a parent
	}
	return ctx, span, parent
}

// keyUse returns what the record of key uses says of direction d.
func keyUse(d *direction) keyuse.Exchange {
	x := d.x
	use := keyuse.Exchange{
		TraceID:   x.parent.TraceID(),
		ParentID:  x.parent.SpanID(),
		Route:     x.route.name(),
		Direction: d.name(),
		Caller:    x.account.caller,
	}
	if d.media.Format != nil && !d.head.empty {
		use.Format = d.media.Format.Name
	}
	return use
}
