package transport_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
)

// These prove on gRPC streams what h2spec looks for on a GET, and more.

func TestSettingsApplyInOrder(t *testing.T) {
	t.Parallel()
	_, addr := listen(t, options(t), echo)
	p := connect(t, addr,
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	p.open(1)
	p.send(1, false, "hello")
	p.until(func() bool { return len(p.of(1).data) > 0 })
	p.settled()
	if got := p.of(1).frames; !slices.Equal(got, []int{1}) {
		t.Fatalf("DATA of %v bytes, with a window of 1", got)
	}
}

func TestWindowOfOneByte(t *testing.T) {
	t.Parallel()
	_, addr := listen(t, options(t), echo)
	p := connect(t, addr, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	p.open(1)
	p.send(1, true, "hello")
	for n := 1; n <= 10; n++ {
		p.until(func() bool { return len(p.of(1).data) == n })
		p.settled()
		p.must(p.WriteWindowUpdate(1, 1))
	}
	h := p.ended(1)
	if h.status() != "0" || !slices.Equal(h.messages(), []string{"hello"}) || len(h.frames) != 10 {
		t.Fatalf("%+v", h)
	}
}

func TestInitialWindowMovesOpenStreams(t *testing.T) {
	t.Parallel()
	_, addr := listen(t, options(t), echo)
	p := connect(t, addr, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	p.open(1)
	p.send(1, true, "hello, world")
	p.until(func() bool { return len(p.of(1).data) == 10 })
	for _, window := range []uint32{3, 12} { // to -7, from where 9 more make 2
		p.must(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}))
		p.settled()
	}
	p.until(func() bool { return len(p.of(1).data) == 12 })
	p.settled()
	if got := p.of(1).frames; !slices.Equal(got, []int{10, 2}) {
		t.Fatalf("DATA of %v bytes", got)
	}
	p.must(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: wide}))
	if h := p.ended(1); h.status() != "0" || !slices.Equal(h.messages(), []string{"hello, world"}) {
		t.Fatalf("%+v", h)
	}
}

func TestConnectionWindowLimits(t *testing.T) {
	t.Parallel()
	_, addr := listen(t, options(t), echo)
	p := connect(t, addr, http2.Setting{ID: http2.SettingInitialWindowSize, Val: wide})
	p.open(1)
	long := strings.Repeat("x", 100_000)
	for rest := frame(long); len(rest) > 0; rest = rest[min(len(rest), 16384):] {
		p.must(p.WriteData(1, len(rest) <= 16384, rest[:min(len(rest), 16384)]))
	}
	p.until(func() bool { return len(p.of(1).data) == 65535 })
	p.must(p.WriteWindowUpdate(0, wide))
	if h := p.ended(1); h.status() != "0" || !slices.Equal(h.messages(), []string{long}) {
		t.Fatalf("%s, %d bytes", h.status(), len(h.data))
	}
}

func TestMaxFrameSizeOfPeer(t *testing.T) {
	t.Parallel()
	o := options(t)
	_, addr := listen(t, o, echo)
	p := connect(t, addr, http2.Setting{ID: http2.SettingInitialWindowSize, Val: wide}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 20_000})
	p.open(1)
	rest := frame(strings.Repeat("x", 30_000))
	p.must(p.WriteData(1, false, rest[:16384]))
	p.must(p.WriteData(1, true, rest[16384:]))
	if h := p.ended(1); h.status() != "0" || slices.Max(h.frames) != 20_000 {
		t.Fatalf("%s, %v", h.status(), h.frames)
	}
}

// TestHalfClosedStreamTakes: WINDOW_UPDATE, PRIORITY and RST_STREAM may come
// after END_STREAM.
func TestHalfClosedStreamTakes(t *testing.T) {
	t.Parallel()
	_, addr := listen(t, options(t), echo)
	p := connect(t, addr, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	for id := uint32(1); id <= 5; id += 2 {
		p.open(id)
		p.send(id, true, "hello")
	}
	p.settled()
	p.must(p.WritePriority(1, http2.PriorityParam{StreamDep: 0, Weight: 7}))
	p.must(p.WriteWindowUpdate(1, 10))
	p.must(p.WriteRSTStream(3, http2.ErrCodeCancel))
	if h := p.ended(1); h.status() != "0" || !slices.Equal(h.messages(), []string{"hello"}) {
		t.Fatalf("%+v", h)
	}
	p.settled()
	if h := p.of(3); h.over() || len(h.data) > 0 {
		t.Fatalf("of the stream that was reset: %+v", h)
	}
	p.must(p.WriteWindowUpdate(5, 10))
	if h := p.ended(5); h.status() != "0" {
		t.Fatalf("%+v", h)
	}
}

func TestWindowOverflow(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	p.open(1)
	p.must(p.WriteWindowUpdate(1, 1<<31-1))
	if h := p.ended(1); h.code() != http2.ErrCodeFlowControl {
		t.Fatalf("stream: %+v", h)
	}
	p.open(3)
	p.send(3, true, "still here")
	if h := p.ended(3); h.status() != "0" {
		t.Fatalf("%+v", h)
	}
	p.must(p.WriteWindowUpdate(0, 1<<31-1))
	if code := p.gone(); code != http2.ErrCodeFlowControl {
		t.Fatalf("connection: %v", code)
	}
}

func TestInitialWindowOverflowsOpenStream(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	p.open(1)
	p.must(p.WriteWindowUpdate(1, 1<<29))
	p.must(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}))
	if code := p.gone(); code != http2.ErrCodeFlowControl {
		t.Fatal(code)
	}
}

func TestStreamLimit(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	last := uint32(2*maxStreams + 1)
	for id := uint32(1); id <= last; id += 2 {
		p.open(id)
	}
	if h := p.ended(last); h.code() != http2.ErrCodeRefusedStream {
		t.Fatalf("%+v", h)
	}
	if n := p.settings[http2.SettingMaxConcurrentStreams]; n != maxStreams {
		t.Fatalf("%d streams were announced", n)
	}
	p.send(1, true, "x")
	p.ended(1)
	p.open(last + 2)
	p.send(last+2, true, "x")
	if h := p.ended(last + 2); h.status() != "0" {
		t.Fatalf("%+v", h)
	}
}

func TestNoStreamLimit(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Streams = 0
	p := meet(t, o, echo)
	for id := uint32(1); id < 6*maxStreams; id += 2 {
		p.open(id)
	}
	p.settled()
	if n, ok := p.settings[http2.SettingMaxConcurrentStreams]; ok {
		t.Errorf("%d streams were announced", n)
	}
	for id := uint32(1); id < 6*maxStreams; id += 2 {
		p.send(id, true, "x")
		if h := p.ended(id); h.status() != "0" {
			t.Fatalf("%+v", h)
		}
	}
}

// TestOpenSideIsReset: a client that is answered before END_STREAM need not
// send more.
func TestOpenSideIsReset(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), func(grpc.ServerStream) error { return nil })
	for i, fields := range [][]string{{}, {":path", "/x"}} {
		id := uint32(2*i + 1)
		p.open(id, fields...)
		p.until(func() bool { return p.of(id).reset != nil })
		if h := p.of(id); !h.ended || h.code() != http2.ErrCodeNo {
			t.Errorf("%+v", h)
		}
	}
}

// TestHeaderTableSize: a peer may keep no HPACK table, and then a bigger one
// again.
func TestHeaderTableSize(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	id := uint32(1)
	for _, size := range []uint32{0, 4096, 64, 1 << 20, 0} {
		p.must(p.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: size}))
		p.settled()
		for range 3 {
			p.open(id, "grpc-timeout", strconv.Itoa(int(id)))
			if h := p.ended(id); h.status() != "13" {
				t.Fatalf("%+v", h)
			}
			id += 2
		}
	}
}
