package otlp

import (
	"net/http"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// TestCodes holds every gRPC code against the table of the OTLP specification.
func TestCodes(t *testing.T) {
	retryable := map[codes.Code]bool{
		codes.Canceled: true, codes.DeadlineExceeded: true, codes.Aborted: true,
		codes.OutOfRange: true, codes.Unavailable: true, codes.DataLoss: true,
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if e := grpcError(status.Error(code, "")); e.Permanent == retryable[code] || e.After != 0 {
			t.Errorf("%v: permanent %v, after %v", code, e.Permanent, e.After)
		}
	}
	for _, code := range []codes.Code{codes.Unavailable, codes.ResourceExhausted} {
		s, err := status.New(code, "").WithDetails(protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(7 * time.Second)}))
		if err != nil {
			t.Fatal(err)
		}
		if e := grpcError(s.Err()); e.Permanent || e.After != 7*time.Second {
			t.Errorf("%v with RetryInfo: permanent %v, after %v", code, e.Permanent, e.After)
		}
	}
}

// TestStatuses holds HTTP statuses against the same specification.
func TestStatuses(t *testing.T) {
	retryable := map[int]bool{429: true, 502: true, 503: true, 504: true}
	for code := 300; code < 600; code++ {
		e := httpError(&http.Response{StatusCode: code, Header: http.Header{"Retry-After": {"7"}}})
		want := time.Duration(0)
		if retryable[code] {
			want = 7 * time.Second
		}
		if e.Permanent == retryable[code] || e.After != want {
			t.Errorf("%d: permanent %v, after %v", code, e.Permanent, e.After)
		}
	}
}
