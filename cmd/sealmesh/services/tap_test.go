package services

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// A tap lies on the wire between Envoy and a service, and keeps each byte that
// the service is sent.
type tap struct {
	addr string
	mu   sync.Mutex
	seen bytes.Buffer
}

func newTap(t *testing.T, service string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	w := &tap{addr: l.Addr().String()}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go w.pass(from, service)
		}
	}()
	return w
}

// pass connects from with the service until one of them ends.
func (w *tap) pass(from net.Conn, service string) {
	defer from.Close()
	to, err := net.Dial("tcp", service)
	if err != nil {
		return
	}
	defer to.Close()
	go func() {
		_, _ = io.Copy(from, to)
		_ = from.Close()
	}()
	_, _ = io.Copy(to, io.TeeReader(from, w))
}

// Write keeps b.
func (w *tap) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.Write(b)
}

// taken returns what the service was sent since the last call.
func (w *tap) taken() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.seen.Reset()
	return w.seen.String()
}
