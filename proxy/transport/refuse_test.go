package transport_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
)

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

// TestDataOfClosedStreams is answered by STREAM_CLOSED, and counted for the
// connection only.
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

// TestExcessData: more than the window is a flow-control error, of the stream
// first.
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
