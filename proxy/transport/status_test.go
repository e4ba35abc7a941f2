package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/transport"
)

// allIsWell is an error that claims to be none.
type allIsWell struct{}

func (allIsWell) Error() string              { return "not well" }
func (allIsWell) GRPCStatus() *status.Status { return status.New(codes.OK, "") }

// TestStatus: what a handler returns is what the client gets.
func TestStatus(t *testing.T) {
	t.Parallel()
	next := make(chan error, 1)
	_, conn := serve(t, options(t), func(s grpc.ServerStream) error { return <-next })
	for _, test := range []struct {
		err  error
		code codes.Code
		text string
	}{
		{nil, codes.OK, ""},
		{status.Error(codes.Aborted, "plain"), codes.Aborted, "plain"},
		{status.Error(codes.DataLoss, ""), codes.DataLoss, ""},
		{status.Error(codes.Code(99), "x"), codes.Code(99), "x"},
		{status.Error(codes.Internal, "100% größer \r\n\t\x00 日本 %41 \x7f~"), codes.Internal, "100% größer \r\n\t\x00 日本 %41 \x7f~"},
		{fmt.Errorf("wrapped: %w", status.Error(codes.NotFound, "inner")), codes.NotFound, "wrapped: rpc error: code = NotFound desc = inner"},
		{errors.New("no status"), codes.Unknown, "no status"},
		{io.EOF, codes.Unknown, "EOF"},
		{context.Canceled, codes.Canceled, "context canceled"},
		{fmt.Errorf("kms: %w", context.DeadlineExceeded), codes.DeadlineExceeded, "kms: context deadline exceeded"},
		{allIsWell{}, codes.Unknown, "not well"},
	} {
		next <- test.err
		_, err := recv(begin(t, t.Context(), conn))
		if test.err == nil {
			if err != io.EOF {
				t.Error(err)
			}
			continue
		}
		if s := status.Convert(err); s.Code() != test.code || s.Message() != test.text {
			t.Errorf("%v: %v %q", test.err, s.Code(), s.Message())
		}
	}
}

// TestLongStatus is cut, between characters.
func TestLongStatus(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("x", 100_000), strings.Repeat("ü", 100_000), strings.Repeat("日", 100_000), "x" + strings.Repeat("😀", 100_000)} {
		_, conn := serve(t, options(t), func(grpc.ServerStream) error { return status.Error(codes.Aborted, text) })
		_, err := recv(begin(t, t.Context(), conn))
		s := status.Convert(err)
		if s.Code() != codes.Aborted || len(s.Message()) < 300 || !strings.HasPrefix(text, s.Message()) || !utf8.ValidString(s.Message()) {
			t.Errorf("%v: %d bytes", s.Code(), len(s.Message()))
		}
	}
}

func TestStatusDetails(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{10: 1, 100_000: 0} { // what does not fit is left out
		_, conn := serve(t, options(t), func(grpc.ServerStream) error {
			s, err := status.New(codes.FailedPrecondition, "x").WithDetails(&errdetails.ErrorInfo{Reason: strings.Repeat("r", n)})
			if err != nil {
				return err
			}
			return s.Err()
		})
		_, err := recv(begin(t, t.Context(), conn))
		s := status.Convert(err)
		if s.Code() != codes.FailedPrecondition || s.Message() != "x" || len(s.Details()) != want {
			t.Errorf("%v, %v", s, s.Details())
		}
	}
}

// TestStatusAfterMessages comes in trailers of its own.
func TestStatusAfterMessages(t *testing.T) {
	t.Parallel()
	_, conn := serve(t, options(t), func(s grpc.ServerStream) error {
		if err := s.SendMsg(new([]byte("a"))); err != nil {
			return err
		}
		return status.Error(codes.Aborted, "after")
	})
	s := begin(t, t.Context(), conn)
	if b, err := recv(s); err != nil || string(b) != "a" {
		t.Fatal(b, err)
	}
	if _, err := recv(s); status.Code(err) != codes.Aborted {
		t.Fatal(err)
	}
}

func TestUnknownMethod(t *testing.T) {
	t.Parallel()
	_, conn := serve(t, options(t), echo)
	for _, path := range []string{"/test.Service/Other", "/other.Service/Process", "/x"} {
		if err := conn.Invoke(t.Context(), path, new([]byte), new([]byte), grpc.ForceCodecV2(testCodec)); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestDecodeError ends a stream, and the message's buffers come back.
func TestDecodeError(t *testing.T) {
	t.Parallel()
	_, conn := serve(t, options(t), nil)
	err := conn.Invoke(t.Context(), "/grpc.health.v1.Health/Check", new([]byte("\xff\xff")), new([]byte), grpc.ForceCodecV2(testCodec))
	if status.Code(err) != codes.Internal {
		t.Error(err)
	}
}

// TestEncodeError ends a stream: there is no codec for the message.
func TestEncodeError(t *testing.T) {
	t.Parallel()
	_, conn := serve(t, options(t), func(s grpc.ServerStream) error { return s.SendMsg("text") })
	if _, err := recv(begin(t, t.Context(), conn)); status.Code(err) != codes.Internal {
		t.Error(err)
	}
}

// TestUnaryWithoutMessage is an error, and no answer.
func TestUnaryWithoutMessage(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), nil)
	p.headers(1, true, p.encode(":path", "/grpc.health.v1.Health/Check"))
	if h := p.ended(1); h.status() == "0" || len(h.data) > 0 {
		t.Errorf("%+v", h)
	}
}

func TestHealthWatch(t *testing.T) {
	t.Parallel()
	s := transport.New(options(t))
	ready := health.NewServer()
	healthpb.RegisterHealthServer(s, ready)
	conn := dial(t, run(t, s))
	watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), new(healthpb.HealthCheckRequest))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING} {
		reply, err := watch.Recv()
		if err != nil || reply.Status != want {
			t.Fatalf("%v, %v", reply, err)
		}
		ready.Shutdown()
	}
}

// TestNoMetadataFromHandlers: it fails where it can, so that nobody relies on
// it.
func TestNoMetadataFromHandlers(t *testing.T) {
	t.Parallel()
	_, conn := serve(t, options(t), func(s grpc.ServerStream) error {
		s.SetTrailer(nil)
		if s.SetHeader(nil) == nil || s.SendHeader(nil) == nil {
			return errors.New("metadata was taken")
		}
		return nil
	})
	if _, err := recv(begin(t, t.Context(), conn)); err != io.EOF {
		t.Error(err)
	}
}
