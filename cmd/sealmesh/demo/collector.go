package demo

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// A spanSink is an OTLP collector that keeps every span.
type spanSink struct {
	collector.UnimplementedTraceServiceServer
	server *grpc.Server

	mu    sync.Mutex
	spans []*tracev1.Span
}

func startSink() (*spanSink, string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	s := &spanSink{server: grpc.NewServer()}
	collector.RegisterTraceServiceServer(s.server, s)
	go func() { _ = s.server.Serve(l) }()
	return s, "http://" + l.Addr().String(), nil
}

// Export stores a batch of spans (opentelemetry.proto.collector.trace.v1).
func (s *spanSink) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range req.ResourceSpans {
		for _, sc := range r.ScopeSpans {
			s.spans = append(s.spans, sc.Spans...)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// keyUses returns the attributes of every key-use span, in order of arrival.
func (s *spanSink) keyUses() []map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []map[string]string
	for _, span := range s.spans {
		if span.Name != "sealmesh.key_use" {
			continue
		}
		attrs := make(map[string]string)
		for _, kv := range span.Attributes {
			attrs[strings.TrimPrefix(kv.Key, "sealmesh.")] = display(kv.Value)
		}
		// Before sealmesh is ready, it verifies each key by using it once.
		if attrs["route"] != "sealmesh.verify" {
			out = append(out, attrs)
		}
	}
	return out
}

func display(v *commonv1.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *commonv1.AnyValue_StringValue:
		return v.StringValue
	case *commonv1.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *commonv1.AnyValue_ArrayValue:
		var parts []string
		for _, e := range v.ArrayValue.Values {
			parts = append(parts, display(e))
		}
		return strings.Join(parts, ",")
	default:
		return fmt.Sprint(v)
	}
}
