package transport_test

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// A receive with a bound fails with os.ErrDeadlineExceeded as often as the
// bound passes, and returns the message when it comes.
func TestRecvWithin(t *testing.T) {
	ended, late := make(chan error, 1), make(chan struct{})
	_, conn := serve(t, options(t), func(s grpc.ServerStream) error {
		bounded := s.(interface {
			RecvMsgWithin(any, time.Duration) error
		})
		for {
			var m []byte
			err := bounded.RecvMsgWithin(&m, time.Millisecond)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				select {
				case late <- struct{}{}:
				default:
				}
				continue
			}
			if err == nil && string(m) == "at last" {
				err = bounded.RecvMsgWithin(&m, time.Hour)
			}
			ended <- err
			return err
		}
	})
	s := begin(t, t.Context(), conn)
	for range 3 {
		<-late
	}
	m := []byte("at last")
	if err := s.SendMsg(&m); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("ended with %v, not with the end of the stream", err)
	}
}
