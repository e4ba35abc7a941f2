package transport_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/transport"
)

func TestServeAfterStop(t *testing.T) {
	t.Parallel()
	for _, stop := range []func(*transport.Server){(*transport.Server).Stop, (*transport.Server).GracefulStop} {
		s := transport.New(options(t))
		stop(s)
		l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Serve(l); !errors.Is(err, transport.ErrStopped) {
			t.Error(err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error("the listener is open:", err)
		}
		stop(s)
	}
}

// TestServeFails with the listener, and accepted connections stay open.
func TestServeFails(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	s := transport.New(options(t))
	register(s, echo)
	t.Cleanup(s.Stop)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	p := connect(t, l.Addr())
	p.settled()
	l.Close()
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	p.open(1)
	p.send(1, true)
	if h := p.ended(1); h.status() != "0" {
		t.Errorf("%+v", h)
	}
}

// shortOfFiles is a listener that fails for a while, as without file
// descriptors.
type shortOfFiles struct {
	net.Listener
	failures int
}

type temporary struct{ error }

func (temporary) Temporary() bool { return true }

func (l *shortOfFiles) Accept() (net.Conn, error) {
	if l.failures--; l.failures >= 0 {
		return nil, temporary{errors.New("too many open files")}
	}
	return l.Listener.Accept()
}

func TestServeGoesOnAfterTemporaryErrors(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	s := transport.New(options(t))
	register(s, echo)
	t.Cleanup(s.Stop)
	go s.Serve(&shortOfFiles{l, 3})
	p := connect(t, l.Addr())
	p.settled()
}

// TestLog says what ended connections, but not that a peer has left.
func TestLog(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	o := options(t)
	o.Log = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := start(t, o, echo)
	p := connect(t, s)
	p.settled()
	p.nc.Close()
	bad := connect(t, s)
	bad.open(2)
	bad.gone()
	bad.nc.Close()
	s.Stop()
	<-s.served
	if got := said.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "PROTOCOL_ERROR") {
		t.Error(got)
	}
}
