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

// TestHalfClosedStreamTakes: WINDOW_UPDATE, PRIORITY and RST_STREAM may come after END_STREAM.
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

func TestContentLength(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	whole := frame("hello")
	for i, test := range []struct {
		length string
		data   [][]byte // in DATA, the last with END_STREAM
		code   http2.ErrCode
	}{
		{"10", [][]byte{whole}, 0},
		{"10", [][]byte{whole[:3], whole[3:], {}}, 0},
		{"11", [][]byte{whole}, http2.ErrCodeProtocol},
		{"9", [][]byte{whole}, http2.ErrCodeProtocol},
		{"9", [][]byte{whole[:9], whole[9:]}, http2.ErrCodeProtocol},
		{"0", [][]byte{{}}, 0},
		{"0", nil, 0},
		{"1", nil, http2.ErrCodeProtocol},
		{"-1", nil, http2.ErrCodeProtocol},
		{"x", nil, http2.ErrCodeProtocol},
		{"99999999999999999999", nil, http2.ErrCodeProtocol},
	} {
		id := uint32(2*i + 1)
		p.headers(id, test.data == nil, p.encode("content-length", test.length))
		for j, d := range test.data {
			p.must(p.WriteData(id, j == len(test.data)-1, d))
		}
		h := p.ended(id)
		if test.code == 0 && h.status() != "0" || test.code != 0 && h.code() != test.code {
			t.Errorf("content-length %s of %q: %+v", test.length, test.data, h)
		}
	}
}

// TestMalformedRequests end only their stream, by RST_STREAM.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	id := uint32(1)
	for _, fields := range [][]string{
		{"connection", "close"}, {"keep-alive", "1"}, {"proxy-connection", "x"}, {"transfer-encoding", "chunked"}, {"upgrade", "h2c"},
		{"te", "gzip"}, {"Upper", "x"}, {"x", "a\nb"}, {":late", "x"}, {":status", "200"}, {":path", ""}, {":scheme", ""}, {":method", ""},
		{"content-length", "1", "content-length", "2"},
	} {
		p.open(id, fields...)
		if h := p.ended(id); h.code() != http2.ErrCodeProtocol {
			t.Errorf("%q: %+v", fields, h)
		}
		id += 2
	}
	p.open(id)
	p.send(id, true, "x")
	if h := p.ended(id); h.status() != "0" {
		t.Fatalf("%+v", h)
	}
}

// TestRequestsThatAreNotOurs are answered.
func TestRequestsThatAreNotOurs(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	for i, test := range []struct {
		fields     []string
		http, grpc string
	}{
		{[]string{":method", "GET"}, "405", "13"},
		{[]string{"content-type", "application/json"}, "415", "13"},
		{[]string{"content-type", ""}, "415", "13"},
		{[]string{"content-type", "application/grpcx"}, "415", "13"},
		{[]string{"content-type", "application/grpc+proto"}, "200", "0"},
		{[]string{"content-type", "application/grpc;x"}, "200", "0"},
		{[]string{"grpc-encoding", "gzip"}, "200", "12"},
		{[]string{"grpc-encoding", "identity"}, "200", "0"},
		{[]string{":path", "/test.Service/Other"}, "200", "12"},
		{[]string{":path", "/"}, "200", "12"},
		{[]string{":path", "*"}, "200", "12"},
		{[]string{"grpc-timeout", "1"}, "200", "13"},
		{[]string{"grpc-timeout", "123456789S"}, "200", "13"},
		{[]string{"grpc-timeout", "-1S"}, "200", "13"},
		{[]string{"grpc-timeout", "1x"}, "200", "13"},
		{[]string{"grpc-timeout", "99999999H"}, "200", "0"},
		{[]string{"grpc-timeout", "0n"}, "200", "4"},
	} {
		id := uint32(2*i + 1)
		p.headers(id, true, p.encode(test.fields...))
		h := p.ended(id)
		if h.fields[":status"] != test.http || h.status() != test.grpc || h.reset != nil {
			t.Errorf("%q: %+v", test.fields, h)
		}
	}
}

// TestOpenSideIsReset: who is answered before END_STREAM need not go on.
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

// TestTrailersOfPeer close its side.
func TestTrailersOfPeer(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	p.open(1)
	p.send(1, false, "a", "b")
	p.headers(1, true, p.raw("x", "y"))
	if h := p.ended(1); h.status() != "0" || !slices.Equal(h.messages(), []string{"a", "b"}) {
		t.Fatalf("%+v", h)
	}
	for i, bad := range []func(id uint32){
		func(id uint32) { p.headers(id, false, p.raw("x", "y")) },
		func(id uint32) { p.headers(id, true, p.raw(":path", "/")) },
	} {
		id := uint32(2*i + 3)
		p.open(id)
		bad(id)
		if h := p.ended(id); h.code() != http2.ErrCodeProtocol {
			t.Errorf("%+v", h)
		}
	}
}

// TestConnectionErrors end the connection with the code that RFC 9113 names.
func TestConnectionErrors(t *testing.T) {
	t.Parallel()
	_, addr := listen(t, options(t), echo)
	for name, test := range map[string]struct {
		do   func(p *peer)
		code http2.ErrCode
	}{
		"even id":            {func(p *peer) { p.open(2) }, http2.ErrCodeProtocol},
		"even id, malformed": {func(p *peer) { p.headers(2, false, p.raw(":x", "y")) }, http2.ErrCodeProtocol},
		"id 0":               {func(p *peer) { p.open(0) }, http2.ErrCodeProtocol},
		"id again":           {func(p *peer) { p.open(1); p.send(1, true); p.ended(1); p.open(1) }, http2.ErrCodeStreamClosed},
		"id below":           {func(p *peer) { p.open(5); p.open(3) }, http2.ErrCodeStreamClosed},
		"half-closed":        {func(p *peer) { p.headers(1, true, p.encode()); p.open(1) }, http2.ErrCodeStreamClosed},
		"DATA of idle":       {func(p *peer) { p.send(1, false, "x") }, http2.ErrCodeProtocol},
		"DATA of 0":          {func(p *peer) { p.send(0, false, "x") }, http2.ErrCodeProtocol},
		"DATA of even id":    {func(p *peer) { p.open(5); p.send(2, false, "x") }, http2.ErrCodeProtocol},
		"window of idle":     {func(p *peer) { p.must(p.WriteWindowUpdate(1, 1)) }, http2.ErrCodeProtocol},
		"window by 0":        {func(p *peer) { p.must(p.WriteWindowUpdate(0, 0)) }, http2.ErrCodeProtocol},
		"reset of idle":      {func(p *peer) { p.must(p.WriteRSTStream(1, 0)) }, http2.ErrCodeProtocol},
		"push": {func(p *peer) {
			p.must(p.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true}))
		}, http2.ErrCodeProtocol},
		"frame too long": {func(p *peer) { p.open(1); p.must(p.WriteData(1, false, make([]byte, 16385))) }, http2.ErrCodeFrameSize},
		"DATA padding": {func(p *peer) {
			p.open(1)
			p.must(p.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, []byte{2, 0}))
		}, http2.ErrCodeProtocol},
		"DATA without padding": {func(p *peer) { p.open(1); p.must(p.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, nil)) }, http2.ErrCodeFrameSize},
		"HEADERS padding":      {func(p *peer) { p.must(p.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersPadded, 1, []byte{9, 0})) }, http2.ErrCodeProtocol},
		"HPACK":                {func(p *peer) { p.headers(1, false, []byte{0xff, 0xff, 0xff, 0xff, 0xff}) }, http2.ErrCodeCompression},
		"CONTINUATION alone":   {func(p *peer) { p.must(p.WriteContinuation(1, true, nil)) }, http2.ErrCodeProtocol},
		"HEADERS interrupted":  {func(p *peer) { p.must(p.WriteRawFrame(http2.FrameHeaders, 0, 1, nil)); p.open(1) }, http2.ErrCodeProtocol},
		"settings, push":       {func(p *peer) { p.must(p.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 2})) }, http2.ErrCodeProtocol},
		"settings, window": {func(p *peer) {
			p.must(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31}))
		}, http2.ErrCodeFlowControl},
		"settings, frame":       {func(p *peer) { p.must(p.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1})) }, http2.ErrCodeProtocol},
		"settings, many":        {func(p *peer) { p.must(p.WriteSettings(make([]http2.Setting, 101)...)) }, http2.ErrCodeEnhanceYourCalm},
		"settings of a stream":  {func(p *peer) { p.must(p.WriteRawFrame(http2.FrameSettings, 0, 1, nil)) }, http2.ErrCodeProtocol},
		"settings, half of one": {func(p *peer) { p.must(p.WriteRawFrame(http2.FrameSettings, 0, 0, []byte{1})) }, http2.ErrCodeFrameSize},
		"ping of 7 bytes":       {func(p *peer) { p.must(p.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 7))) }, http2.ErrCodeFrameSize},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := connect(t, addr)
			test.do(p)
			if code := p.gone(); code != test.code {
				t.Errorf("%v, not %v", code, test.code)
			}
		})
	}
}

// TestIgnoredFrames: what RFC 9113 says to pass over.
func TestIgnoredFrames(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	p.open(1)
	p.must(p.WriteRawFrame(0x42, 0xff, 1, []byte("unknown")))
	p.must(p.WriteRawFrame(0x42, 0xff, 0, nil))
	p.must(p.WriteGoAway(0, http2.ErrCodeNo, []byte("x")))
	p.must(p.WriteSettings(http2.Setting{ID: 0x99, Val: 1}))
	p.must(p.WritePing(true, [8]byte{1}))
	p.must(p.WriteSettingsAck())
	p.send(1, true, "x")
	if h := p.ended(1); h.status() != "0" {
		t.Fatalf("%+v", h)
	}
	p.must(p.WriteRSTStream(1, http2.ErrCodeCancel))
	p.must(p.WriteWindowUpdate(1, 1))
	p.must(p.WritePriority(1, http2.PriorityParam{}))
	p.settled()
}

// TestDataOfClosedStreams is answered by STREAM_CLOSED, and counted for the connection only.
func TestDataOfClosedStreams(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	p.open(1)
	p.send(1, true)
	p.ended(1)
	p.open(3)
	p.must(p.WriteRSTStream(3, http2.ErrCodeCancel))
	for i := range 200 { // 3 MiB, three times the window of the connection
		p.must(p.WriteData(uint32(1+2*(i%2)), false, make([]byte, 16<<10)))
	}
	p.settled()
	for _, id := range []uint32{1, 3} {
		if h := p.of(id); h.code() != http2.ErrCodeStreamClosed {
			t.Errorf("%+v", h)
		}
	}
}

// TestExcessData: more than the window is a flow-control error, of the stream first.
func TestExcessData(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), func(s grpc.ServerStream) error { <-s.Context().Done(); return s.Context().Err() })
	p.open(1)
	p.send(1, false, "x") // waits, so that no more of the window is given
	for range window/16384 + 1 {
		p.send(1, false, strings.Repeat("x", 16384-5))
	}
	if h := p.ended(1); h.code() != http2.ErrCodeFlowControl {
		t.Fatalf("%+v", h)
	}
}

// TestPriority: a stream cannot depend on itself.
func TestPriority(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	block := p.encode()
	p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true, Priority: http2.PriorityParam{StreamDep: 1, Weight: 1}}))
	if h := p.ended(1); h.code() != http2.ErrCodeProtocol {
		t.Fatalf("%+v", h)
	}
	block = p.encode()
	p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block, EndHeaders: true, EndStream: true, Priority: http2.PriorityParam{StreamDep: 1, Weight: 1}}))
	if h := p.ended(3); h.status() != "0" {
		t.Fatalf("%+v", h)
	}
}

// TestHeaderTableSize: a peer may keep no HPACK table, and then a bigger one again.
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
