package transport_test

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/transport"
)

// TestSlowPreface: who does not say the preface in time is not waited for.
func TestSlowPreface(t *testing.T) {
	for _, said := range []string{"", http2.ClientPreface[:10], http2.ClientPreface, http2.ClientPreface + "\x00\x00\x06"} {
		synctest.Test(t, func(t *testing.T) {
			_, nc := piped(t, options(t), echo)
			begin := time.Now()
			if _, err := io.WriteString(nc, said); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, nc)
			if took := time.Since(begin); took < time.Minute || took > time.Minute+2*time.Second {
				t.Errorf("%q: cut off after %v", said, took)
			}
		})
	}
}

func TestWrongPreface(t *testing.T) {
	t.Parallel()
	_, addr := listen(t, options(t), echo)
	for _, said := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", strings.Repeat("x", 100), http2.ClientPreface + "\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678",
		http2.ClientPreface + "\x00\x00\x00\x04\x01\x00\x00\x00\x00",
	} {
		nc, err := net.Dial("unix", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(nc, said)
		if _, err := io.Copy(io.Discard, nc); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%q is served", said)
		}
		nc.Close()
	}
}

// TestHarmlessFloods need no answer, and cost nothing that stays.
func TestHarmlessFloods(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	p.open(1)
	for range 5_000 {
		p.must(p.WriteRSTStream(1, http2.ErrCodeCancel))
		p.must(p.WritePriority(1, http2.PriorityParam{}))
		p.must(p.WriteRawFrame(0x42, 0, 0, nil))
	}
	p.open(3)
	for range 5_000 {
		p.must(p.WriteData(3, false, nil))
		p.must(p.WriteWindowUpdate(3, 1))
	}
	p.send(3, true, "x")
	if h := p.ended(3); h.status() != "0" {
		t.Errorf("%+v", h)
	}
}

// TestContinuationFlood (CVE-2024-24786 and kin): a header block does not grow
// without end.
func TestContinuationFlood(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	p.must(p.WriteRawFrame(http2.FrameHeaders, 0, 1, p.encode()))
	block := p.raw("x", strings.Repeat("y", 8000))
	for range 20 {
		p.must(p.WriteContinuation(1, false, block))
	}
	if code := p.gone(); code != http2.ErrCodeProtocol {
		t.Error(code)
	}
}

// TestLongHeaders within a frame are refused, and the connection stays open.
func TestLongHeaders(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	p.settled()
	if n := p.settings[http2.SettingMaxHeaderListSize]; n != 16<<10 {
		t.Errorf("%d bytes are announced", n)
	}
	p.headers(1, true, p.encode("a", strings.Repeat("x", 8000), "b", strings.Repeat("y", 7000)))
	p.headers(3, true, p.encode("a", strings.Repeat("x", 8000), "b", strings.Repeat("y", 8000), "c", "z"))
	p.headers(5, true, p.encode())
	for id, code := range map[uint32]string{1: "0", 3: "8", 5: "0"} {
		if h := p.ended(id); h.status() != code {
			t.Errorf("%d: %+v", id, h)
		}
	}
}

// TestHalfAMessage is no message, and no end of a stream: the handler gets
// Canceled, not io.EOF.
func TestHalfAMessage(t *testing.T) {
	t.Parallel()
	whole := frame("whole", strings.Repeat("half", 10_000))
	for name, end := range map[string]func(p *peer){
		"END_STREAM": func(p *peer) { p.must(p.WriteData(1, true, nil)) },
		"trailers":   func(p *peer) { p.headers(1, true, p.raw("x", "y")) },
		"reset":      func(p *peer) { p.must(p.WriteRSTStream(1, http2.ErrCodeNo)) },
		"close":      func(p *peer) { p.nc.Close() },
		"GOAWAY":     func(p *peer) { p.must(p.WriteGoAway(0, 0, nil)); p.nc.Close() },
	} {
		for _, n := range []int{1, 9, 11, 15, 16, 10_000} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				got := make(chan error, 1)
				p := meet(t, options(t), func(s grpc.ServerStream) error {
					for {
						var b []byte
						if err := s.RecvMsg(&b); err != nil {
							got <- err
							return err
						}
						if string(b) != "whole" {
							t.Errorf("message %.10q", b)
						}
					}
				})
				p.open(1)
				p.must(p.WriteData(1, false, whole[:n]))
				p.settled()
				end(p)
				if err := <-got; status.Code(err) != codes.Canceled {
					t.Errorf("after %d bytes: %v", n, err)
				}
			})
		}
	}
}

// TestHalfAFrame: the connection breaks within a frame, wherever.
func TestHalfAFrame(t *testing.T) {
	t.Parallel()
	o := options(t)
	got := make(chan error, 1)
	_, addr := listen(t, o, func(s grpc.ServerStream) error {
		var b []byte
		err := s.RecvMsg(&b)
		for err == nil {
			err = s.RecvMsg(&b)
		}
		got <- err
		return err
	})
	wire := "\x00\x00\x20\x00\x08\x00\x00\x00\x01" + "\x03" + string(frame("hello", "0123456789abc")) + "\x00\x00\x00"
	for n := range len(wire) {
		p := connect(t, addr)
		p.open(1)
		p.settled() // or the handler may never begin
		_, err := io.WriteString(p.nc, wire[:n])
		p.must(err)
		p.nc.Close()
		if err := <-got; status.Code(err) != codes.Canceled {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// TestAnnouncedLength costs no memory before the bytes come.
func TestAnnouncedLength(t *testing.T) {
	t.Parallel()
	o := options(t)
	p := meet(t, o, echo)
	const streams = 50
	first := frame(strings.Repeat("x", maxMessage))[:6]
	for id := uint32(1); id < 2*streams; id += 2 {
		p.open(id)
		p.must(p.WriteData(id, false, first))
	}
	p.settled()
	if n := o.Pool.(*countingPool).peak(); n > streams*16<<10 {
		t.Errorf("%d bytes for %d streams", n, streams)
	}
}

// TestManySmallMessages that wait for the handler take memory by their length.
func TestManySmallMessages(t *testing.T) {
	t.Parallel()
	o := options(t)
	release := make(chan struct{})
	p := meet(t, o, func(s grpc.ServerStream) error { <-release; return echo(s) })
	p.open(1)
	var want []string
	for i := range 8000 {
		want = append(want, random8(i)[:1+i%3])
	}
	for some := range slices.Chunk(want, 2000) {
		p.send(1, false, some...)
	}
	p.settled()
	if n := o.Pool.(*countingPool).peak(); n > 100_000 {
		t.Errorf("%d bytes are held for %d messages", n, len(want))
	}
	close(release)
	p.must(p.WriteData(1, true, nil))
	if h := p.ended(1); h.status() != "0" || !slices.Equal(h.messages(), want) {
		t.Errorf("%s, %d messages of %d", h.status(), len(h.messages()), len(want))
	}
}

// TestManySmallMessagesDropped: what waited comes back when the peer resets.
func TestManySmallMessagesDropped(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), func(s grpc.ServerStream) error { <-s.Context().Done(); return nil })
	p.open(1)
	p.send(1, false, slices.Repeat([]string{"x"}, 100)...)
	p.must(p.WriteRSTStream(1, http2.ErrCodeCancel))
	p.settled()
}

// TestUnreadBytes do not turn the end of a connection into a reset, which could
// lose GOAWAY.
func TestUnreadBytes(t *testing.T) {
	t.Parallel()
	s := transport.New(options(t))
	register(s, echo)
	p := connect(t, runOn(t, s, "unix", t.TempDir()+"/s"))
	var wire recorder
	out := newPeer(t, &wire)
	out.open(2)
	for range 50 { // more than the server has read when it refuses the first
		p.must(out.WriteRawFrame(0x42, 0, 0, make([]byte, 4<<10)))
	}
	_, err := p.nc.Write(wire.Bytes())
	p.must(err)
	for err = nil; err == nil; {
		err = p.listen()
	}
	if err != io.EOF || len(p.goAways) != 1 {
		t.Errorf("%v, %+v", err, p.goAways)
	}
}

func random8(i int) string { return string(random(8 + i%5)) }

// TestHandlerLeaves while messages wait, and while one is half here.
func TestHandlerLeaves(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	p := meet(t, options(t), func(grpc.ServerStream) error { <-leave; return nil })
	p.open(1)
	p.send(1, false, "a", "b")
	p.must(p.WriteData(1, false, frame(strings.Repeat("x", 100_000))[:10_000]))
	close(leave)
	for !p.of(1).ended {
		p.must(p.WriteData(1, false, make([]byte, 10)))
		p.settled()
	}
	if h := p.of(1); h.status() != "0" {
		t.Errorf("%+v", h)
	}
	p.settled()
}

// TestLateGoroutine: what a handler leaves behind is told, and breaks nothing.
func TestLateGoroutine(t *testing.T) {
	t.Parallel()
	got := make(chan error, 2)
	p := meet(t, options(t), func(s grpc.ServerStream) error {
		go func() {
			got <- s.RecvMsg(new([]byte))
			got <- s.SendMsg(new([]byte))
		}()
		return nil
	})
	p.open(1)
	p.ended(1)
	for range 2 {
		if err := <-got; status.Code(err) != codes.Canceled {
			t.Error(err)
		}
	}
	p.settled()
	if h := p.of(1); len(h.data) > 0 {
		t.Errorf("%+v", h)
	}
}
