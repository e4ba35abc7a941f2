package testbed

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// A sink is an OTLP collector that counts spans and decodes nothing. A real
// collector runs on another machine; decoding here would take CPU from the
// contestants that record more.
type sink struct {
	server *grpc.Server
	url    string
	spans  atomic.Uint64
}

func startSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{server: grpc.NewServer(grpc.ForceServerCodecV2(counter{})), url: "http://" + l.Addr().String()}
	s.server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "opentelemetry.proto.collector.trace.v1.TraceService",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Export", Handler: export}},
	}, s)
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

// export is TraceService.Export.
func export(srv any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var spans uint64
	if err := decode(&spans); err != nil {
		return nil, err
	}
	srv.(*sink).spans.Add(spans)
	return nil, nil
}

// A counter is a codec that reads an ExportTraceServiceRequest as the number of
// its spans, a uint64, and writes an empty response.
type counter struct{}

func (counter) Name() string { return "proto" }

func (counter) Marshal(any) (mem.BufferSlice, error) { return nil, nil }

func (counter) Unmarshal(data mem.BufferSlice, v any) error {
	b := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer b.Free()
	// ResourceSpans.scope_spans in resource_spans, ScopeSpans.spans in those.
	n, err := count(b.ReadOnlyData(), 1, 2, 2)
	*v.(*uint64) = n
	return err
}

// count counts the messages at a path of field numbers
// (opentelemetry.proto.trace.v1).
func count(p []byte, path ...protowire.Number) (n uint64, err error) {
	for len(p) > 0 {
		field, kind, head := protowire.ConsumeTag(p)
		if head < 0 {
			return n, fmt.Errorf("OTLP: %w", protowire.ParseError(head))
		}
		p = p[head:]
		size := protowire.ConsumeFieldValue(field, kind, p)
		if size < 0 {
			return n, fmt.Errorf("OTLP: %w", protowire.ParseError(size))
		}
		value := p[:size]
		p = p[size:]
		switch {
		case field != path[0] || kind != protowire.BytesType:
		case len(path) == 1:
			n++
		default:
			inner, _ := protowire.ConsumeBytes(value)
			k, err := count(inner, path[1:]...)
			n += k
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}
