package testbed

import (
	"context"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// TestSink: a client with the generated code has all its spans counted.
func TestSink(t *testing.T) {
	s, err := startSink()
	if err != nil {
		t.Fatal(err)
	}
	defer s.server.Stop()
	conn, err := grpc.NewClient(s.url[len("http://"):], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	scope := func(n int) *tracev1.ScopeSpans {
		spans := make([]*tracev1.Span, n)
		for i := range spans {
			spans[i] = &tracev1.Span{Name: "sealmesh.key_use", TraceId: make([]byte, 16)}
		}
		return &tracev1.ScopeSpans{Spans: spans, SchemaUrl: "x"}
	}
	req := &collector.ExportTraceServiceRequest{ResourceSpans: []*tracev1.ResourceSpans{
		{ScopeSpans: []*tracev1.ScopeSpans{scope(3), scope(0)}, SchemaUrl: "y"},
		{ScopeSpans: []*tracev1.ScopeSpans{scope(2)}},
	}}
	for range 2 {
		if _, err := collector.NewTraceServiceClient(conn).Export(context.Background(), req); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.spans.Load(); got != 10 {
		t.Errorf("%d spans, want 10", got)
	}
	if _, err := count([]byte{0x0a, 5, 1}, 1, 2, 2); err == nil {
		t.Error("half a message is well")
	}
}
