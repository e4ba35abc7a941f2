package transport_test

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A peer that reads the connection, and takes no more of one stream, holds up
// its handler for as long as Send says. What the handler sends fails then, and
// other streams continue.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.Send = 3 * time.Second
		failed := make(chan error, 1)
		s, nc := piped(t, o, func(s grpc.ServerStream) error {
			for {
				if err := s.SendMsg(new(make([]byte, 50_000))); err != nil {
					failed <- err
					return err
				}
			}
		})
		p := greet(t, nc) // with a window of 64 KiB
		begin := time.Now()
		p.open(1)
		h := p.ended(1)
		if err := <-failed; status.Code(err) != codes.DeadlineExceeded || time.Since(begin) != o.Send {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		if h.status() != "4" {
			t.Errorf("the peer heard status %s", h.status())
		}
		<-stopping(s.Stop)
	})
}
