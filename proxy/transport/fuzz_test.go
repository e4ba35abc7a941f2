package transport_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/transport"
)

// A script is bytes that a fuzzer makes, read as what a peer does.
type script []byte

// take returns the next n bytes, or zeros where the script has ended.
func (s *script) take(n int) []byte {
	b := make([]byte, n)
	*s = (*s)[copy(b, *s):]
	return b
}

func (s *script) byte() byte { return s.take(1)[0] }

func (s *script) number() uint32 {
	b := s.take(4)
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// text returns up to 255 bytes, or now and then many.
func (s *script) text() []byte {
	n := int(s.byte())
	if n == 255 {
		return bytes.Repeat(s.take(1), 20_000)
	}
	return s.take(n)
}

// id is that of a stream: most are few and odd.
func (s *script) id() uint32 {
	if b := s.byte(); b < 240 {
		return uint32(b % 8)
	}
	return s.number()
}

// oddHeaders are what p does not usually ask.
var oddHeaders = [][]string{
	{"grpc-timeout", "1n"}, {"grpc-timeout", "1H"}, {":path", "/x"}, {":method", "GET"}, {"content-length", "7"}, {"grpc-encoding", "gzip"},
	{"traceparent", "x"}, {"connection", "x"}, {":path", "/grpc.health.v1.Health/Check"}, {":path", "/grpc.health.v1.Health/Watch"}, {"X", "y"},
}

// act writes to p what s says next.
func (s *script) act(p *peer) error {
	switch op := s.byte(); op % 10 {
	case 0:
		return p.WriteRawFrame(http2.FrameType(s.byte()%12), http2.Flags(s.byte()), s.id(), s.text())
	case 1:
		return p.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id() | 1, BlockFragment: p.encode(), EndHeaders: true, EndStream: op > 200})
	case 2:
		return p.WriteData(s.id()|1, op > 200, frame(string(s.text())))
	case 3:
		return p.WriteDataPadded(s.id()|1, op > 200, s.text(), make([]byte, s.byte()))
	case 4:
		return p.WriteRSTStream(s.id(), http2.ErrCode(s.byte()))
	case 5:
		return p.WriteWindowUpdate(s.id(), s.number())
	case 6:
		return p.WriteSettings(http2.Setting{ID: http2.SettingID(s.byte() % 8), Val: s.number()})
	case 7:
		return p.WritePing(op > 200, [8]byte(s.take(8)))
	case 8:
		block := p.encode(oddHeaders[int(s.byte())%len(oddHeaders)]...)
		if cut := int(s.byte()); op > 200 && cut < len(block) {
			id := s.id()
			if err := p.WriteRawFrame(http2.FrameHeaders, 0, id, block[:cut]); err != nil {
				return err
			}
			return p.WriteContinuation(id, true, block[cut:])
		}
		return p.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id(), BlockFragment: block, EndHeaders: true, EndStream: op > 128})
	default:
		return p.WriteGoAway(s.id(), http2.ErrCode(s.byte()), s.take(int(s.byte()%16)))
	}
}

// moody does what the first message says: it leaves, fails, says much, or
// echoes.
func moody(s grpc.ServerStream) error {
	var b []byte
	if err := s.RecvMsg(&b); err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(b, []byte("leave")):
		return nil
	case bytes.HasPrefix(b, []byte("fail")):
		return status.Error(codes.Aborted, string(b))
	case bytes.HasPrefix(b, []byte("much")):
		for range 10 {
			if err := s.SendMsg(new(make([]byte, 30_000))); err != nil {
				return err
			}
		}
	}
	return echo(s)
}

// FuzzFrames: no peer makes the server panic, hang, lose a buffer or use it
// after it was freed, or say what HTTP/2 does not allow.
func FuzzFrames(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4<<10 {
			return
		}
		s := script(data)
		var wire recorder
		for p := newPeer(t, &wire); len(s) > 0 && wire.Len() < 256<<10; {
			p.must(s.act(p))
		}
		o := options(t)
		server := transport.New(o)
		register(server, moody)
		nc := pipe(t, server)
		heard := make(chan error, 1)
		p := newPeer(t, readOnly{nc})
		go func() {
			var err error
			for err == nil {
				err = p.listen()
			}
			heard <- err
		}()
		_, _ = io.WriteString(nc, http2.ClientPreface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		splits := rand.New(rand.NewPCG(1, uint64(len(data))))
		for rest := wire.Bytes(); len(rest) > 0; {
			n := min(len(rest), 1+splits.IntN(20+wire.Len()/50))
			if _, err := nc.Write(rest[:n]); err != nil {
				break
			}
			rest = rest[n:]
		}
		if len(data)%3 == 0 {
			server.Stop()
		}
		nc.Close()
		if err := <-heard; !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the server said what is no HTTP/2: %v", err)
		}
		server.Stop()
	})
}

// A recorder is a connection that keeps what is written.
type recorder struct {
	net.Conn
	bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) { return r.Buffer.Write(b) }
func (r *recorder) Read(b []byte) (int, error)  { return r.Buffer.Read(b) }

// readOnly is a connection that a peer only listens on.
type readOnly struct{ net.Conn }

func (readOnly) Write(b []byte) (int, error) { return len(b), nil }
