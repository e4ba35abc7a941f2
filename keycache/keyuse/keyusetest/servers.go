package keyusetest

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // so that COMPRESSION=gzip is understood
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// servers are the two doors of a collector.
type servers struct {
	mu       sync.Mutex
	grpc     *grpc.Server
	http     *http.Server
	grpcAddr string
	httpAddr string
	done     sync.WaitGroup
}

// GRPC is the address that OTLP/gRPC is served at, host:port.
func (s *servers) GRPC() string { return s.grpcAddr }

// HTTP is the address that OTLP/HTTP is served at, host:port.
func (s *servers) HTTP() string { return s.httpAddr }

func (s *servers) listen(c *Collector, grpcAddr, httpAddr string) {
	c.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	gl, err := net.Listen("tcp", grpcAddr)
	if err != nil {
		c.t.Fatal(err)
	}
	hl, err := net.Listen("tcp", httpAddr)
	if err != nil {
		c.t.Fatal(err)
	}
	s.grpcAddr, s.httpAddr = gl.Addr().String(), hl.Addr().String()
	s.grpc = grpc.NewServer()
	coltracepb.RegisterTraceServiceServer(s.grpc, traceService{c: c})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", c.serveHTTP)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	s.done.Go(func() { _ = s.grpc.Serve(gl) })
	s.done.Go(func() { _ = s.http.Serve(hl) })
}

func (s *servers) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grpc.Stop()
	_ = s.http.Close()
	s.done.Wait()
}

type traceService struct {
	coltracepb.UnimplementedTraceServiceServer
	c *Collector
}

// Export is the gRPC method.
func (s traceService) Export(ctx context.Context, req *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	return s.c.take(ctx, req)
}

// take does with a request what the test asked for.
func (c *Collector) take(ctx context.Context, req *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	var stalled chan struct{}
	c.update(func() { c.requests++; stalled = c.stalled })
	if stalled != nil {
		select {
		case <-stalled:
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}
	spans := decode(req)
	resp := &coltracepb.ExportTraceServiceResponse{}
	var err error
	c.update(func() {
		if c.refuse != codes.OK {
			err = refusal(c.refuse, c.retry)
			return
		}
		if n := min(c.reject, len(spans)); n > 0 {
			resp.PartialSuccess = &coltracepb.ExportTracePartialSuccess{RejectedSpans: int64(n), ErrorMessage: "asked to"}
			spans = spans[:len(spans)-n]
			c.reject = 0
		}
		c.spans = append(c.spans, spans...)
	})
	return resp, err
}

func refusal(code codes.Code, retry time.Duration) error {
	s := status.New(code, "the test asked for this")
	if retry > 0 {
		if d, err := s.WithDetails(protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(retry)})); err == nil {
			s = d
		}
	}
	return s.Err()
}

func (c *Collector) serveHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = zr
	}
	b, err := io.ReadAll(body)
	req := &coltracepb.ExportTraceServiceRequest{}
	if err != nil || r.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(b, req) != nil {
		http.Error(w, "not an export request", http.StatusBadRequest)
		return
	}
	resp, err := c.take(r.Context(), req)
	if err != nil {
		c.refuseHTTP(w, status.Code(err))
		return
	}
	out, _ := proto.Marshal(resp)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out)
}

func (c *Collector) refuseHTTP(w http.ResponseWriter, code codes.Code) {
	c.mu.Lock()
	retry := c.retry
	c.mu.Unlock()
	if retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(retry/time.Second)))
	}
	statuses := map[codes.Code]int{
		codes.Unavailable: http.StatusServiceUnavailable, codes.ResourceExhausted: http.StatusTooManyRequests,
		codes.DeadlineExceeded: http.StatusGatewayTimeout, codes.Aborted: http.StatusBadGateway,
		codes.Unauthenticated: http.StatusUnauthorized, codes.PermissionDenied: http.StatusForbidden,
		codes.InvalidArgument: http.StatusBadRequest,
	}
	code2, ok := statuses[code]
	if !ok {
		code2 = http.StatusInternalServerError
	}
	http.Error(w, code.String(), code2)
}
