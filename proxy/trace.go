package proxy

import (
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// TraceMetadata names what of the gRPC request metadata the service reads.
func TraceMetadata() []string { return []string{"traceparent", "tracestate"} }

// carrier is a trace context, from wherever it came.
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

// trace joins the exchange to the caller's trace. Envoy's own context, in the
// gRPC metadata, comes first: a request header is the client's word only.
func (x *exchange) trace() {
	c := carrier{x.request.head.traceparent, x.request.head.tracestate}
	if v := metadata.ValueFromIncomingContext(x.ctx, "traceparent"); len(v) > 0 {
		c = carrier{parent: v[0]}
		if v := metadata.ValueFromIncomingContext(x.ctx, "tracestate"); len(v) > 0 {
			c.state = v[0]
		}
	}
	if c.parent != "" {
		x.ctx = propagation.TraceContext{}.Extract(x.ctx, c)
	}
	x.parent = trace.SpanContextFromContext(x.ctx)
	if x.srv.tracer == nil {
		return
	}
	x.ctx, x.span = x.srv.tracer.Start(x.ctx, "sealmesh.exchange", trace.WithSpanKind(trace.SpanKindServer))
	if x.span.IsRecording() {
		// A span that nobody records would leave its children without a parent.
		x.parent = x.span.SpanContext()
	}
}

// keyUse describes direction d to the key-use record.
func (x *exchange) keyUse(d *direction) keyuse.Exchange {
	return keyuse.Exchange{
		TraceID:   x.parent.TraceID(),
		ParentID:  x.parent.SpanID(),
		Route:     x.routeName(),
		Direction: d.name(),
		Caller:    x.account.caller,
	}
}
