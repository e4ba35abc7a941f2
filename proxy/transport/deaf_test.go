package transport_test

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// deaf is a peer that never reads: what it sends leaves from a goroutine of its
// own.
func deaf(t *testing.T, nc net.Conn, send func(p *peer)) (over chan struct{}) {
	over = make(chan struct{})
	go func() {
		defer close(over)
		p := newPeer(t, nc)
		if _, err := io.WriteString(nc, http2.ClientPreface); err != nil {
			return
		}
		_ = p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: wide})
		_ = p.WriteWindowUpdate(0, wide)
		send(p)
	}()
	return over
}

// TestDeafFloods: a client that keeps asking without reading is disconnected.
func TestDeafFloods(t *testing.T) {
	for name, flood := range map[string]func(p *peer, i int) error{
		"ping":     func(p *peer, i int) error { return p.WritePing(false, [8]byte{}) },
		"settings": func(p *peer, i int) error { return p.WriteSettings() },
		"bad headers": func(p *peer, i int) error {
			return p.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: p.raw(":x", "y"), EndHeaders: true})
		},
		"unknown method": func(p *peer, i int) error {
			return p.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: p.encode(":path", "/x"), EndHeaders: true})
		},
		"closed stream": func(p *peer, i int) error {
			if i == 0 {
				return p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encode(":path", "/x"), EndHeaders: true, EndStream: true})
			}
			return p.WriteData(1, false, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, nc := piped(t, options(t), echo)
				n := 0
				<-deaf(t, nc, func(p *peer) {
					for flood(p, n) == nil {
						n++
					}
				})
				if n < 100 || n > 5000 {
					t.Errorf("cut off after %d", n)
				}
			})
		})
	}
}

// TestRapidReset (CVE-2023-44487, and CVE-2025-8671, where the peer has us
// reset): handlers that have not noticed yet bound what the peer may open.
func TestRapidReset(t *testing.T) {
	for name, reset := range map[string]func(p *peer, id uint32) error{
		"by peer": func(p *peer, id uint32) error { return p.WriteRSTStream(id, http2.ErrCodeCancel) },
		"by us":   func(p *peer, id uint32) error { return p.WriteWindowUpdate(id, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var running, began atomic.Int32
				release := make(chan struct{})
				s, nc := piped(t, options(t), func(s grpc.ServerStream) error {
					running.Add(1)
					defer running.Add(-1)
					began.Add(1)
					<-s.Context().Done()
					<-release
					return nil
				})
				const all = 1000
				p := greet(t, nc)
				go io.Copy(io.Discard, nc)
				over := make(chan struct{})
				go func() {
					defer close(over)
					for id := uint32(1); id < 2*all; id += 2 {
						_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.encode(), EndHeaders: true})
						_ = reset(p, id)
					}
				}()
				synctest.Wait()
				if n := running.Load(); n != 2*maxStreams {
					t.Errorf("%d handlers run", n)
				}
				close(release)
				<-over
				synctest.Wait()
				if n := began.Load(); n != all {
					t.Errorf("%d streams of %d were handled", n, all)
				}
				s.Stop()
			})
		})
	}
}

// TestStopDuringRapidReset: Stop is heard also while the reader waits for
// handlers.
func TestStopDuringRapidReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int32
		release := make(chan struct{})
		s, nc := piped(t, options(t), func(s grpc.ServerStream) error {
			<-s.Context().Done()
			told.Add(1)
			<-release
			return nil
		})
		p := greet(t, nc)
		go io.Copy(io.Discard, nc)
		go func() {
			for id := uint32(1); ; id += 2 {
				if p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.encode(), EndHeaders: true}) != nil {
					return
				}
				if id > 2*maxStreams/2 && p.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
					return
				}
			}
		}()
		synctest.Wait()
		stopped := stopping(s.Stop)
		synctest.Wait()
		if n := told.Load(); n < 2*maxStreams {
			t.Errorf("the contexts of %d handlers have ended", n)
		}
		close(release)
		<-stopped
	})
}

// TestDeafPeer never reads: what waits for it is bounded, senders wait, and
// Stop ends all.
func TestDeafPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var queued, failed atomic.Int64
		const size = 50_000
		s, nc := piped(t, options(t), func(s grpc.ServerStream) error {
			for {
				if err := s.SendMsg(new(make([]byte, size))); err != nil {
					if status.Code(err) == codes.Canceled {
						failed.Add(1)
					}
					return err
				}
				queued.Add(size)
			}
		})
		over := deaf(t, nc, func(p *peer) {
			for id := uint32(1); id < 2*maxStreams; id += 2 {
				_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.encode(), EndHeaders: true})
			}
		})
		<-over
		synctest.Wait()
		if n := queued.Load(); n < 100_000 || n > 2*256<<10+64<<10 {
			t.Errorf("%d bytes are queued", n)
		}
		s.Stop()
		if n := failed.Load(); n != maxStreams {
			t.Errorf("%d senders were told", n)
		}
	})
}

// TestDeafUploader sends for ever: what it is told of windows must not pile up.
func TestDeafUploader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.Window, o.ConnWindow = 1, 0 // an update for every frame
		_, nc := piped(t, o, func(s grpc.ServerStream) error { return s.RecvMsg(new([]byte)) })
		var sent atomic.Int64
		over := deaf(t, nc, func(p *peer) {
			_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encode(), EndHeaders: true})
			var some bytes.Buffer
			for range 100 {
				p.must(http2.NewFramer(&some, nil).WriteDataPadded(1, false, nil, make([]byte, 255)))
			}
			for ; sent.Load() < 1e6; sent.Add(100) {
				if _, err := nc.Write(some.Bytes()); err != nil {
					return
				}
			}
		})
		synctest.Wait()
		if n := sent.Load(); n < 1000 || n > 2*(2*256<<10/13+1000) { // queued, and as much again being written
			t.Errorf("%d frames were taken", n)
		}
		nc.Close()
		<-over
	})
}
