package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// sockets returns both ends of a unix socket, of which the first is a rawConn.
func sockets(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	ours, theirs := pair(t, "unix", t.TempDir()+"/s")
	q := newRawConn(ours)
	if _, ok := q.(*rawConn); !ok {
		t.Fatalf("%T is no rawConn", q)
	}
	return q, theirs
}

func pair(t *testing.T, network, addr string) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if theirs, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if ours, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

// TestRawConnLong: more than a socket holds goes both ways at once, so that
// each side waits for the other.
func TestRawConnLong(t *testing.T) {
	q, peer := sockets(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	go func() {
		_, _ = io.Copy(peer, peer)
		peer.Close()
	}()
	go func() {
		if n, err := q.Write(want); n != len(want) || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		_ = q.(*rawConn).Conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(q)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d of %d bytes came back, %v", len(got), len(want), err)
	}
}

func TestRawConnEnds(t *testing.T) {
	p := make([]byte, 10)
	for name, c := range map[string]struct {
		prepare func(q, peer net.Conn)
		want    error
	}{
		"the peer has left": {func(_, peer net.Conn) { peer.Close() }, io.EOF},
		"a deadline":        {func(q, _ net.Conn) { q.SetReadDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		"closed":            {func(q, _ net.Conn) { q.Close() }, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			q, peer := sockets(t)
			waiting := make(chan error)
			go func() {
				_, err := q.Read(p)
				waiting <- err
			}()
			c.prepare(q, peer)
			if err := <-waiting; !errors.Is(err, c.want) {
				t.Errorf("Read = %v, want %v", err, c.want)
			}
		})
	}
}

// TestRawConnErrno: an error of the system call is told as net tells it.
func TestRawConnErrno(t *testing.T) {
	q, peer := sockets(t)
	if _, err := q.Write([]byte("left unread, which makes the close a reset")); err != nil {
		t.Fatal(err)
	}
	peer.Close()
	_, err := q.Read(make([]byte, 10))
	if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "read" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("Read = %v", err)
	}
	q, peer = sockets(t)
	peer.Close()
	n, err := q.Write([]byte("nobody reads this"))
	if op, ok := errors.AsType[*net.OpError](err); !ok || n != 0 || op.Op != "write" || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Write = %d, %v", n, err)
	}
}

func TestRawConnEmpty(t *testing.T) {
	q, peer := sockets(t)
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := q.Read(nil); n != 0 || err != nil {
		t.Errorf("Read(nil) = %d, %v", n, err)
	}
	if n, err := q.Write(nil); n != 0 || err != nil {
		t.Errorf("Write(nil) = %d, %v", n, err)
	}
}

func TestRawConnAllocates(t *testing.T) {
	q, peer := sockets(t)
	p, b := make([]byte, 10), make([]byte, 10)
	n := testing.AllocsPerRun(100, func() {
		_, _ = q.Write(p)
		_, _ = io.ReadFull(peer, b)
		_, _ = peer.Write(p)
		_, _ = io.ReadFull(q, b)
	})
	if n != 0 {
		t.Errorf("%v allocations for a write and a read", n)
	}
}

// TestRawConnOthers: a pipe and a TCP connection stay as they are.
func TestRawConnOthers(t *testing.T) {
	if tcp, _ := pair(t, "tcp", "127.0.0.1:0"); newRawConn(tcp) != tcp {
		t.Error("a TCP connection is read past Go's scheduler")
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	if newRawConn(ours) != ours {
		t.Error("a pipe has no file descriptor")
	}
}
