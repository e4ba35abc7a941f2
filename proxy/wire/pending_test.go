package wire

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/mem"
)

// A bound that passes leaves the stream as it was: the message is received
// later.
func TestRecvWithin(t *testing.T) {
	onServers(t, func(t *testing.T, newServer func(mem.BufferPool) server) {
		late, ended := make(chan struct{}), make(chan error, 1)
		conn := serve(t, newServer(Pool()), func(s *Stream) error {
			received := 0
			for {
				r, err := s.RecvWithin(time.Millisecond)
				switch {
				case errors.Is(err, os.ErrDeadlineExceeded):
					select {
					case late <- struct{}{}:
					default:
					}
				case err != nil:
					if received != 2 {
						t.Errorf("%d messages before the end", received)
					}
					ended <- err
					return nil
				default:
					if r.Phase != RequestHeaders || r.Protocol == nil {
						t.Errorf("received %+v", r)
					}
					received++
					r.Free()
				}
			}
		})
		s := open(t, conn)
		for range 2 {
			<-late
			<-late
			if err := s.Send(messages(t)["request headers"]); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, io.EOF) {
			t.Errorf("ended with %v, not with the end of the stream", err)
		}
	})
}

// A spy counts the buffers that are in use.
type spy struct {
	mem.BufferPool
	used atomic.Int64
}

func (p *spy) Get(n int) *[]byte {
	p.used.Add(1)
	return p.BufferPool.Get(n)
}

func (p *spy) Put(b *[]byte) {
	p.used.Add(-1)
	p.BufferPool.Put(b)
}

// A message that arrives when its handler does not want it any more is freed:
// its buffers hold plaintext until they are cleared.
func TestLateMessageIsFreed(t *testing.T) {
	for _, landed := range []bool{false, true} {
		pool := &spy{BufferPool: Pool()}
		timedOut, end := make(chan *Stream), make(chan struct{})
		conn := serve(t, grpcServer(pool), func(s *Stream) error {
			if _, err := s.RecvWithin(time.Nanosecond); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("received at once: %v", err)
			}
			timedOut <- s
			<-end
			return nil
		})
		client := open(t, conn)
		s := <-timedOut
		if landed {
			if err := client.Send(messages(t)["body"]); err != nil {
				t.Fatal(err)
			}
			<-s.pending.done
			if pool.used.Load() == 0 {
				t.Fatal("the message holds no buffer: the test shows nothing")
			}
		}
		close(end)
		if _, err := client.Recv(); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); pool.used.Load() > 0; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("landed=%v: %d buffers are never freed", landed, pool.used.Load())
			}
		}
	}
}
