package otlp

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// rawCodec passes encoded messages through, so that spans are encoded once and
// never copied. It has the name of grpc-go's own codec, which it replaces.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	req, ok := v.(*Request)
	if !ok {
		return nil, fmt.Errorf("marshal %T: not an export request", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(req.Head), mem.SliceBuffer(req.Body)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	a, ok := v.(*Answer)
	if !ok {
		return fmt.Errorf("unmarshal %T: not an export answer", v)
	}
	var err error
	*a, err = parseAnswer(data.Materialize())
	return err
}

// A grpcClient is the one connection to a collector. One goroutine uses it.
type grpcClient struct {
	target  string
	options []grpc.DialOption
	timeout time.Duration
	headers metadata.MD
	conn    *grpc.ClientConn
}

func (d *Destination) openGRPC() (Exporter, error) {
	creds := insecure.NewCredentials()
	if d.tls != nil {
		creds = credentials.NewTLS(d.tls)
	}
	calls := []grpc.CallOption{grpc.ForceCodecV2(rawCodec{})}
	if d.gzip {
		calls = append(calls, grpc.UseCompressor(gzip.Name))
	}
	c := &grpcClient{target: d.target, timeout: d.timeout, headers: metadata.New(d.headers), options: []grpc.DialOption{
		grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(calls...),
		grpc.WithUserAgent(userAgent), grpc.WithDisableServiceConfig(),
	}}
	if err := c.dial(); err != nil {
		return Exporter{}, err
	}
	return Exporter{c.export, func() error { return c.conn.Close() }}, nil
}

func (c *grpcClient) dial() error {
	conn, err := grpc.NewClient(c.target, c.options...)
	if err != nil {
		return fmt.Errorf("key uses: collector %s: %w", c.target, err)
	}
	c.conn = conn
	return nil
}

func (c *grpcClient) export(ctx context.Context, req *Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(ctx, c.headers), c.timeout)
	defer cancel()
	// grpc-go's own back-off is off: the caller retries.
	c.conn.ResetConnectBackoff()
	var a Answer
	err := c.conn.Invoke(ctx, exportMethod, req, &a)
	if err == nil {
		return a, nil
	}
	if status.Code(err) == codes.DeadlineExceeded {
		c.redial()
	}
	return Answer{}, grpcError(err)
}

// redial replaces a connection that does not answer. If the host behind it has
// vanished, TCP needs 15 minutes to notice. Keepalive pings are no way out:
// most servers close a connection that pings more often than every five
// minutes.
func (c *grpcClient) redial() {
	old := c.conn
	if c.dial() == nil {
		_ = old.Close() // no call is under way
	}
}

// grpcError sorts a status by the OTLP specification, "Failures" and "OTLP/gRPC
// Throttling".
func grpcError(err error) *Error {
	s := status.Convert(err)
	after, asked := retryDelay(s)
	e := &Error{After: after, Err: err}
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
	case codes.ResourceExhausted:
		e.Permanent = !asked
	default:
		e.Permanent = true
	}
	return e
}

func retryDelay(s *status.Status) (time.Duration, bool) {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}
