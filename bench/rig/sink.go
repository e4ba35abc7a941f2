package rig

import (
	"context"
	"net"
	"sync/atomic"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

// A sink is an OTLP collector that takes every span and counts them.
type sink struct {
	collector.UnimplementedTraceServiceServer
	server *grpc.Server
	url    string
	spans  atomic.Uint64
}

func startSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{server: grpc.NewServer(), url: "http://" + l.Addr().String()}
	collector.RegisterTraceServiceServer(s.server, s)
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

// Export takes a batch (opentelemetry.proto.collector.trace.v1).
func (s *sink) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	for _, r := range req.ResourceSpans {
		for _, sc := range r.ScopeSpans {
			s.spans.Add(uint64(len(sc.Spans)))
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}
