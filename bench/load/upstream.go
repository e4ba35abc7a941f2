package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

// An Upstream is the protected service. The first segment of a path says what
// it does:
//
//	/open/NAME   answers with the documents given to Serve, in turn
//	/sink/…      discards the body and sends a short answer
//	others       echo the body, or send a short answer if there is none
type Upstream struct {
	l    net.Listener
	keep atomic.Bool
	next atomic.Int64
	Took atomic.Int64 // bytes discarded by sinks

	mu   sync.Mutex
	last []byte
	docs map[string][][]byte // whole responses, by path
}

// StartUpstream listens on a free loopback port.
func StartUpstream() (*Upstream, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &Upstream{l: l, docs: map[string][][]byte{}}
	go u.accept()
	return u, nil
}

// Addr is host:port.
func (u *Upstream) Addr() string { return u.l.Addr().String() }

// Close stops listening.
func (u *Upstream) Close() error { return u.l.Close() }

// Serve makes path answer with docs in turn.
func (u *Upstream) Serve(path string, docs ...[]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := make([][]byte, len(docs))
	for i, d := range docs {
		out[i] = append(responseHead(nil, len(d)), d...)
	}
	u.docs[path] = out
}

// Watch makes the Upstream keep the last body for Last.
func (u *Upstream) Watch(on bool) { u.keep.Store(on) }

// Last returns a copy of the last body that arrived while Watch was on.
func (u *Upstream) Last() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	return bytes.Clone(u.last)
}

func (u *Upstream) accept() {
	for {
		c, err := u.l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			s := session{u: u, c: c, r: bufio.NewReaderSize(c, 64<<10)}
			for s.one() == nil {
			}
		}()
	}
}

// A session is one connection.
type session struct {
	u    *Upstream
	c    net.Conn
	r    *bufio.Reader
	body writer
	out  []byte
}

func (s *session) one() error {
	line, err := s.r.ReadString('\n')
	if err != nil {
		return err
	}
	parts := strings.SplitN(line, " ", 3)
	if len(parts) != 3 {
		return fmt.Errorf("not a request line: %q", line)
	}
	path := parts[1]
	length, err := readFields(s.r, nil)
	if err != nil {
		return err
	}
	if strings.HasPrefix(path, "/sink/") {
		return s.sink(length)
	}
	s.body = s.body[:0]
	if _, err := copyBody(&s.body, s.r, length); err != nil {
		return err
	}
	if s.u.keep.Load() {
		s.u.mu.Lock()
		s.u.last = append(s.u.last[:0], s.body...)
		s.u.mu.Unlock()
	}
	return s.answer(path)
}

var short = []byte(`{"ok":true}`)

func (s *session) answer(path string) error {
	if strings.HasPrefix(path, "/open/") {
		s.u.mu.Lock()
		docs := s.u.docs[path]
		s.u.mu.Unlock()
		if len(docs) > 0 {
			_, err := s.c.Write(docs[s.u.next.Add(1)%int64(len(docs))])
			return err
		}
	}
	body := []byte(s.body)
	if len(body) == 0 {
		body = short
	}
	s.out = responseHead(s.out[:0], len(body))
	if len(body) <= oneWrite {
		_, err := s.c.Write(append(s.out, body...))
		return err
	}
	bufs := net.Buffers{s.out, body}
	_, err := bufs.WriteTo(s.c)
	return err
}

func responseHead(b []byte, n int) []byte {
	return fmt.Appendf(b, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nserver: bench\r\ncontent-length: %d\r\n\r\n", n)
}

func (s *session) sink(length int64) error {
	if _, err := copyBody(counted{s.u}, s.r, length); err != nil {
		return err
	}
	_, err := s.c.Write(append(responseHead(nil, len(short)), short...))
	return err
}

// counted drops and counts bytes. It is not io.Discard, so that chunks are read
// in large pieces.
type counted struct{ u *Upstream }

func (w counted) Write(p []byte) (int, error) { w.u.Took.Add(int64(len(p))); return len(p), nil }

var _ io.Writer = counted{}
