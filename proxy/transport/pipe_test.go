package transport_test

import (
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/proxy/transport"
)

// pipes is a listener without a network: what blocks on it is known to
// testing/synctest, and nothing of the kernel's buffers anything.
type pipes struct {
	calls chan net.Conn
	done  chan struct{}
	close sync.Once
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-l.calls:
		return nc, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipes) Close() error   { l.close.Do(func() { close(l.done) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// piped runs a server in the test's bubble and returns a connection.
func piped(t *testing.T, o transport.Options, handler func(grpc.ServerStream) error) (*transport.Server, net.Conn) {
	t.Helper()
	s := transport.New(o)
	register(s, handler)
	nc := pipe(t, s)
	t.Cleanup(s.Stop)
	t.Cleanup(func() { nc.Close() })
	return s, nc
}

// pipe has s serve one connection, which it returns.
func pipe(t testing.TB, s interface{ Serve(net.Listener) error }) net.Conn {
	t.Helper()
	l := &pipes{calls: make(chan net.Conn), done: make(chan struct{})}
	go s.Serve(l)
	ours, theirs := net.Pipe()
	l.calls <- theirs
	return ours
}
