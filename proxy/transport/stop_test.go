package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/transport"
)

// serving is a server whose Serve has not returned yet.
type serving struct {
	*transport.Server
	net.Addr
	served chan error
}

func start(t *testing.T, o transport.Options, handler func(grpc.ServerStream) error) *serving {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	s := &serving{transport.New(o), l.Addr(), make(chan error, 1)}
	register(s.Server, handler)
	go func() { s.served <- s.Serve(l) }()
	t.Cleanup(s.Stop)
	return s
}

// stopping runs stop and returns what is closed once it has returned.
func stopping(stop func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		stop()
	}()
	return done
}

func pending[T any](c <-chan T) bool {
	select {
	case <-c:
		return false
	default:
		return true
	}
}

// TestGracefulStop: what is in flight ends well, what was opened before GOAWAY
// was heard is served, what comes later is not, and Serve returns after all
// handlers.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	s := start(t, options(t), echo)
	p := connect(t, s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: wide})
	p.open(1)
	p.send(1, false, "before")
	p.until(func() bool { return len(p.of(1).data) > 0 })
	done := stopping(s.GracefulStop)
	p.until(func() bool { return len(p.goAways) == 1 && len(p.pings) == 1 })
	if g := p.goAways[0]; g.LastStreamID != 1<<31-1 || g.ErrCode != http2.ErrCodeNo {
		t.Fatalf("the first GOAWAY: %+v", g)
	}
	p.must(p.WritePing(true, [8]byte{1})) // no answer to what was asked
	p.open(3)                             // not having heard
	p.send(3, false, "crossing")
	p.must(p.WritePing(true, p.pings[0]))
	p.until(func() bool { return len(p.goAways) == 2 })
	if g := p.goAways[1]; g.LastStreamID != 3 || g.ErrCode != http2.ErrCodeNo {
		t.Fatalf("the second GOAWAY: %+v", g)
	}
	p.open(5) // against what was said
	p.send(5, false, "late")
	p.must(p.WriteWindowUpdate(5, 1))
	p.headers(5, true, p.raw("x", "y"))
	for _, id := range []uint32{1, 3} {
		p.send(id, true, "after")
		if h := p.ended(id); h.status() != "0" || len(h.messages()) != 2 {
			t.Errorf("%+v", h)
		}
		if id == 1 && (!pending(done) || !pending(s.served)) {
			t.Error("stopped while a stream was open")
		}
	}
	p.gone()
	if n := len(p.goAways); n != 2 || p.streams[5] != nil {
		t.Errorf("%d GOAWAYs, and of the late stream %+v", n, p.streams[5])
	}
	p.nc.Close()
	<-done
	if err := <-s.served; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("unix", s.String()); err == nil {
		t.Error("connections are still taken")
	}
}

// TestGracefulStopIdle ends connections that have no stream, whether or not
// they had.
func TestGracefulStopIdle(t *testing.T) {
	t.Parallel()
	s := start(t, options(t), echo)
	p := connect(t, s)
	p.must(p.WritePing(true, [8]byte([]byte("sealmesh")))) // which nobody asked
	p.open(1)
	p.send(1, true)
	p.ended(1)
	done, again := stopping(s.GracefulStop), stopping(s.GracefulStop)
	p.answerPing()
	if code := p.gone(); code != http2.ErrCodeNo || len(p.goAways) != 2 {
		t.Error(code, len(p.goAways))
	}
	p.nc.Close()
	<-done
	<-again
	if err := <-s.served; err != nil {
		t.Error(err)
	}
}

// TestGracefulStopBeforePreface: a connection that has said nothing yet is
// served, if it does soon, and closed if not.
func TestGracefulStopBeforePreface(t *testing.T) {
	for _, speaks := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s, nc := piped(t, options(t), echo)
			synctest.Wait()
			begin := time.Now()
			done := stopping(s.GracefulStop)
			synctest.Wait()
			if !speaks {
				_, _ = io.Copy(io.Discard, nc)
				<-done
				if took := time.Since(begin); took != time.Second {
					t.Errorf("closed after %v", took)
				}
				return
			}
			p := newPeer(t, readOnly{nc})
			go func() {
				out := newPeer(t, nc)
				_, _ = io.WriteString(nc, http2.ClientPreface)
				_ = out.WriteSettings()
				out.open(1)
				out.send(1, true, "first and last")
			}()
			if h := p.ended(1); h.status() != "0" || len(h.data) == 0 || len(p.settings) == 0 {
				t.Errorf("%+v", h)
			}
			_ = newPeer(t, nc).WritePing(true, p.pings[0])
			p.gone()
			<-done
		})
	}
}

// draining returns a peer with stream 1 open that has heard both GOAWAYs, and
// what is closed once its server has stopped.
func draining(t *testing.T) (p *peer, done <-chan struct{}) {
	t.Helper()
	s := start(t, options(t), echo)
	p = connect(t, s)
	p.open(1)
	p.settled()
	done = stopping(s.GracefulStop)
	p.answerPing()
	p.until(func() bool { return len(p.goAways) == 2 })
	return p, done
}

// TestGracefulStopAfterReset: the last stream of a draining connection may end
// any way.
func TestGracefulStopAfterReset(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(p *peer){
		"by peer": func(p *peer) { p.must(p.WriteRSTStream(1, http2.ErrCodeCancel)) },
		"by us":   func(p *peer) { p.must(p.WriteWindowUpdate(1, 0)) },
		"broken":  func(p *peer) { p.nc.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, done := draining(t)
			end(p)
			if name != "broken" {
				p.gone()
				p.nc.Close()
			}
			<-done
		})
	}
}

// TestGracefulStopThenError: the last stream that GOAWAY names does not rise.
func TestGracefulStopThenError(t *testing.T) {
	t.Parallel()
	p, done := draining(t)
	p.open(5)
	p.open(2)
	if code := p.gone(); code != http2.ErrCodeProtocol || p.goAways[2].LastStreamID != 1 {
		t.Errorf("%+v", p.goAways)
	}
	p.nc.Close()
	<-done
}

// TestGracefulStopThenStop: who asks again does not wait any more.
func TestGracefulStopThenStop(t *testing.T) {
	t.Parallel()
	s := start(t, options(t), echo)
	p := connect(t, s)
	p.open(1)
	p.settled()
	done := stopping(s.GracefulStop)
	p.until(func() bool { return len(p.goAways) == 1 })
	s.Stop()
	<-done
	if err := <-s.served; err != nil {
		t.Error(err)
	}
}

// TestGracefulStopWithClient: grpc-go's client gets the end of every call that
// a handler saw, however they cross.
func TestGracefulStopWithClient(t *testing.T) {
	t.Parallel()
	for range 20 {
		var handled, answered atomic.Int64
		s := start(t, options(t), func(s grpc.ServerStream) error {
			handled.Add(1)
			return echo(s)
		})
		conn := dial(t, s)
		var calls sync.WaitGroup
		begun := make(chan struct{}, 1)
		for range 8 {
			calls.Go(func() {
				for roundTrip(t, conn) == nil {
					answered.Add(1)
					select {
					case begun <- struct{}{}:
					default:
					}
				}
			})
		}
		<-begun
		s.GracefulStop()
		calls.Wait()
		if err := <-s.served; err != nil {
			t.Error(err)
		}
		if h, a := handled.Load(), answered.Load(); h != a {
			t.Errorf("%d calls were handled, and %d answered", h, a)
		}
	}
}

// roundTrip makes a whole call.
func roundTrip(t *testing.T, conn *grpc.ClientConn) error {
	s, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, grpc.ForceCodecV2(testCodec))
	if err != nil {
		return err
	}
	if err := s.SendMsg(new(random(100))); err != nil && err != io.EOF {
		return err
	}
	_ = s.CloseSend()
	if _, err := recv(s); err != nil {
		return err
	}
	if _, err := recv(s); err != io.EOF {
		return err
	}
	return nil
}

// TestStop ends contexts, receives and sends.
func TestStop(t *testing.T) {
	t.Parallel()
	got, began := make(chan error, 3), make(chan struct{}, 3)
	handlers := map[string]func(grpc.ServerStream) error{
		"recv": func(s grpc.ServerStream) error { return s.RecvMsg(new([]byte)) },
		"wait": func(s grpc.ServerStream) error { <-s.Context().Done(); return s.Context().Err() },
		"send": func(s grpc.ServerStream) error {
			for {
				if err := s.SendMsg(new(make([]byte, 1000))); err != nil {
					return err
				}
			}
		},
	}
	s := start(t, options(t), func(s grpc.ServerStream) error {
		var what []byte
		_ = s.RecvMsg(&what)
		began <- struct{}{}
		err := handlers[string(what)](s)
		if s.Context().Err() == nil {
			err = errors.New("the context has not ended")
		}
		got <- err
		return err
	})
	p := connect(t, s)
	id := uint32(1)
	for name := range handlers {
		p.open(id)
		p.send(id, false, name)
		id += 2
		<-began
	}
	s.Stop()
	for range handlers {
		if err := <-got; status.Code(err) != codes.Canceled && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if err := <-s.served; err != nil {
		t.Error(err)
	}
}

// TestStopWaitsForHandlers that do not look at their context.
func TestStopWaitsForHandlers(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	s := start(t, options(t), func(s grpc.ServerStream) error {
		close(began)
		<-s.Context().Done()
		<-release
		return nil
	})
	p := connect(t, s)
	p.open(1)
	<-began
	done := stopping(s.Stop)
	p.gone()
	if !pending(done) || !pending(s.served) {
		t.Error("stopped while a handler was running")
	}
	close(release)
	<-done
	<-s.served
}
