package transport_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/proxy/transport"
)

// FuzzSame: what a peer says within the protocol means the same to grpc-go's
// server.
func FuzzSame(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<10 {
			return
		}
		const most, big = 10_000, 1 << 20
		o := options(t)
		o.MaxMessage, o.Window, o.ConnWindow = most, big, 4*big
		ours := transport.New(o)
		defer ours.Stop()
		theirs := grpc.NewServer(grpc.ForceServerCodecV2(testCodec), grpc.MaxRecvMsgSize(most),
			grpc.InitialWindowSize(big), grpc.InitialConnWindowSize(4*big))
		defer theirs.Stop()
		register(ours, moody)
		register(theirs, moody)
		got, want := exchange(t, pipe(t, ours), plan(data)), exchange(t, pipe(t, theirs), plan(data))
		for id, w := range want {
			g := got[id]
			if g == nil || g.status() != w.status() || g.fields[":status"] != w.fields[":status"] || g.fields["grpc-message"] != w.fields["grpc-message"] && w.status() == "10" {
				t.Fatalf("stream %d: %+v, and of grpc-go %+v", id, g, w)
			}
			if w.status() == "0" && !bytes.Equal(g.data, w.data) {
				t.Fatalf("stream %d: %q, and of grpc-go %q", id, g.messages(), w.messages())
			}
		}
	})
}

// A call is what a peer sends on a stream: DATA, the last with END_STREAM, and
// what pads it.
type call struct {
	data    [][]byte
	padding []byte
}

// plan reads calls, of messages that are cut anywhere, from a script.
func plan(data []byte) (calls []call) {
	for s := script(data); len(s) > 0 && len(calls) < 8; {
		var c call
		var body []byte
		for n := s.byte() % 8; n > 0; n-- {
			body = append(body, frame(string(s.text()))...)
		}
		for len(body) > 0 {
			n := min(len(body), 16000, 1+len(body)/4+int(s.byte())*int(s.byte()))
			c.data, c.padding = append(c.data, body[:n]), append(c.padding, s.byte())
			body = body[n:]
		}
		calls = append(calls, c)
	}
	return calls
}

// exchange makes calls and returns what was heard of each.
func exchange(t *testing.T, nc net.Conn, calls []call) map[uint32]*heard {
	defer nc.Close()
	p := newPeer(t, readOnly{nc})
	go func() {
		out := newPeer(t, nc)
		_, _ = io.WriteString(nc, http2.ClientPreface)
		_ = out.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: wide})
		_ = out.WriteWindowUpdate(0, wide)
		for i, c := range calls {
			id := uint32(2*i + 1)
			_ = out.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: out.encode(), EndHeaders: true, EndStream: len(c.data) == 0})
			for j, d := range c.data {
				_ = out.WriteDataPadded(id, j == len(c.data)-1, d, make([]byte, c.padding[j]))
			}
		}
	}()
	for i := range calls {
		p.ended(uint32(2*i + 1))
	}
	return p.streams
}
