package transport_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/proxy/transport"
)

// A peer is a client that speaks in frames, and keeps what it hears.
type peer struct {
	*http2.Framer // writes
	t             testing.TB
	nc            net.Conn
	hpack         *hpack.Encoder
	block         bytes.Buffer

	in       *http2.Framer
	streams  map[uint32]*heard
	acks     int // of settings
	settings map[http2.SettingID]uint32
	pongs    [][8]byte
	pings    [][8]byte // not answered
	goAways  []http2.GoAwayFrame
	grown    map[uint32]int // by WINDOW_UPDATE
}

// heard is what there was of a stream.
type heard struct {
	fields map[string]string
	data   []byte
	frames []int // lengths of DATA
	ended  bool
	reset  *http2.ErrCode
}

func (h *heard) over() bool { return h.ended || h.reset != nil }

// status is grpc-status, or "" where the stream has not ended with one.
func (h *heard) status() string { return h.fields["grpc-status"] }

// code is that of RST_STREAM.
func (h *heard) code() http2.ErrCode {
	if h.reset == nil {
		return 0xffff
	}
	return *h.reset
}

// messages are the whole ones.
func (h *heard) messages() (all []string) {
	for rest := h.data; len(rest) >= 5; {
		n := int(binary.BigEndian.Uint32(rest[1:]))
		if len(rest) < 5+n {
			break
		}
		all = append(all, string(rest[5:5+n]))
		rest = rest[5+n:]
	}
	return all
}

const wide = 1 << 30 // a window that never closes

// meet runs a server and connects a peer whose windows are wide.
func meet(t testing.TB, o transport.Options, handler func(grpc.ServerStream) error) *peer {
	t.Helper()
	_, addr := listen(t, o, handler)
	p := connect(t, addr, http2.Setting{ID: http2.SettingInitialWindowSize, Val: wide})
	p.must(p.WriteWindowUpdate(0, wide))
	return p
}

// connect says the preface.
func connect(t testing.TB, addr net.Addr, settings ...http2.Setting) *peer {
	t.Helper()
	nc, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return greet(t, nc, settings...)
}

func greet(t testing.TB, nc net.Conn, settings ...http2.Setting) *peer {
	t.Helper()
	p := newPeer(t, nc)
	p.must(nc.SetDeadline(time.Now().Add(time.Minute))) // that a test fails and does not hang
	_, err := io.WriteString(nc, http2.ClientPreface)
	p.must(err)
	p.must(p.WriteSettings(settings...))
	return p
}

func newPeer(t testing.TB, nc net.Conn) *peer {
	p := &peer{
		Framer: http2.NewFramer(nc, nil), t: t, nc: nc, in: http2.NewFramer(nil, nc),
		streams: make(map[uint32]*heard), settings: make(map[http2.SettingID]uint32), grown: make(map[uint32]int),
	}
	p.AllowIllegalWrites = true
	p.hpack = hpack.NewEncoder(&p.block)
	p.in.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.in.SetMaxReadFrameSize(1<<24 - 1)
	return p
}

func (p *peer) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// encode returns the header block of a request, of which fields replace or add
// names.
func (p *peer) encode(fields ...string) []byte {
	all := []string{":method", "POST", ":scheme", "http", ":path", method, ":authority", "x", "content-type", "application/grpc", "te", "trailers"}
	for i := 0; i < len(fields); i += 2 {
		known := false
		for j := 0; j < 12; j += 2 {
			if all[j] == fields[i] {
				all[j+1], known = fields[i+1], true
			}
		}
		if !known {
			all = append(all, fields[i], fields[i+1])
		}
	}
	return p.raw(all...)
}

// raw returns a header block.
func (p *peer) raw(fields ...string) []byte {
	p.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		p.must(p.hpack.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	return bytes.Clone(p.block.Bytes())
}

// open opens a stream.
func (p *peer) open(id uint32, fields ...string) { p.headers(id, false, p.encode(fields...)) }

func (p *peer) headers(id uint32, end bool, block []byte) {
	p.t.Helper()
	p.must(p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: end}))
}

// frame returns messages as they are in DATA.
func frame(messages ...string) (b []byte) {
	for _, m := range messages {
		b = append(b, 0)
		b = binary.BigEndian.AppendUint32(b, uint32(len(m)))
		b = append(b, m...)
	}
	return b
}

func (p *peer) send(id uint32, end bool, messages ...string) {
	p.t.Helper()
	p.must(p.WriteData(id, end, frame(messages...)))
}

// of returns what was heard of a stream.
func (p *peer) of(id uint32) *heard {
	h := p.streams[id]
	if h == nil {
		h = &heard{fields: make(map[string]string)}
		p.streams[id] = h
	}
	return h
}

// until listens until is is true.
func (p *peer) until(is func() bool) {
	p.t.Helper()
	for !is() {
		p.must(p.listen())
	}
}

// ended listens until a stream has ended.
func (p *peer) ended(id uint32) *heard {
	p.t.Helper()
	p.until(func() bool { return p.of(id).over() })
	return p.of(id)
}

// settled listens until what was sent up to now has been taken.
func (p *peer) settled() {
	p.t.Helper()
	mark := [8]byte{'m', byte(len(p.pongs)), byte(len(p.pongs) >> 8)}
	p.must(p.WritePing(false, mark))
	n := len(p.pongs)
	p.until(func() bool { return len(p.pongs) > n })
	if p.pongs[n] != mark {
		p.t.Fatalf("ping %x was answered by %x", mark, p.pongs[n])
	}
}

// answerPing waits for the ping that comes with the first GOAWAY, and says that
// it was heard.
func (p *peer) answerPing() {
	p.t.Helper()
	p.until(func() bool { return len(p.pings) == 1 })
	p.must(p.WritePing(true, p.pings[0]))
}

// gone listens until the connection ends, and returns the last GOAWAY's code.
func (p *peer) gone() http2.ErrCode {
	p.t.Helper()
	for {
		if err := p.listen(); err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				p.t.Fatal("the connection stays")
			}
			break
		}
	}
	if len(p.goAways) == 0 {
		return 0xffff
	}
	return p.goAways[len(p.goAways)-1].ErrCode
}

// listen takes a frame.
func (p *peer) listen() error {
	f, err := p.in.ReadFrame()
	if err != nil {
		return err
	}
	id := f.Header().StreamID
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		h := p.of(id)
		if h.over() {
			p.t.Errorf("HEADERS of stream %d, which has ended", id)
		}
		for _, field := range f.Fields {
			h.fields[field.Name] = field.Value
		}
		h.ended = f.StreamEnded()
	case *http2.DataFrame:
		h := p.of(id)
		if h.over() || h.fields[":status"] == "" {
			p.t.Errorf("DATA of stream %d, which is not open", id)
		}
		h.data, h.frames = append(h.data, f.Data()...), append(h.frames, len(f.Data()))
	case *http2.RSTStreamFrame:
		p.of(id).reset = &f.ErrCode
	case *http2.SettingsFrame:
		p.settle(f)
	case *http2.PingFrame:
		if f.IsAck() {
			p.pongs = append(p.pongs, f.Data)
		} else {
			p.pings = append(p.pings, f.Data)
		}
	case *http2.GoAwayFrame:
		p.goAways = append(p.goAways, http2.GoAwayFrame{LastStreamID: f.LastStreamID, ErrCode: f.ErrCode})
	case *http2.WindowUpdateFrame:
		p.grown[id] += int(f.Increment)
	}
	return nil
}

func (p *peer) settle(f *http2.SettingsFrame) {
	if f.IsAck() {
		p.acks++
		return
	}
	p.must(f.ForeachSetting(func(s http2.Setting) error {
		p.settings[s.ID] = s.Val
		return nil
	}))
	_ = p.WriteSettingsAck()
}
