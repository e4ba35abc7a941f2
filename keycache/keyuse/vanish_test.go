package keyuse_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/keyuse/keyusetest"
)

// A network stands between recorder and collector. vanish makes all connections
// that exist swallow what they are given, as when a host loses power; new ones
// work.
type network struct {
	net.Listener
	mu    sync.Mutex
	links []*link
	done  sync.WaitGroup
}

type link struct {
	mu   sync.Mutex
	gone bool
	ends [2]net.Conn
}

func startNetwork(t *testing.T, target string) *network {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{Listener: l}
	n.done.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				near.Close()
				continue
			}
			n.join(near, far)
		}
	})
	t.Cleanup(n.stop)
	return n
}

func (n *network) join(near, far net.Conn) {
	k := &link{ends: [2]net.Conn{near, far}}
	n.mu.Lock()
	n.links = append(n.links, k)
	n.mu.Unlock()
	n.done.Go(func() { k.carry(far, near) })
	n.done.Go(func() { k.carry(near, far) })
}

func (k *link) carry(to io.Writer, from io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		k.mu.Lock()
		if !k.gone {
			_, _ = to.Write(buf[:n])
		}
		k.mu.Unlock()
	}
}

func (n *network) vanish() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, k := range n.links {
		k.mu.Lock()
		k.gone = true
		k.mu.Unlock()
	}
}

func (n *network) stop() {
	n.Close()
	n.mu.Lock()
	for _, k := range n.links {
		k.ends[0].Close()
		k.ends[1].Close()
	}
	n.mu.Unlock()
	n.done.Wait()
}

// TestHostVanishes holds that a connection which no longer answers is left
// after one timeout, not when TCP gives it up.
func TestHostVanishes(t *testing.T) {
	protocols(t, func(t *testing.T, c *keyusetest.Collector, env func(string) string) {
		addr := c.GRPC()
		if env("OTEL_EXPORTER_OTLP_PROTOCOL") != "" {
			addr = c.HTTP()
		}
		n := startNetwork(t, addr)
		r := open(t, keyuse.Options{Required: true, Getenv: func(name string) string {
			switch name {
			case "OTEL_EXPORTER_OTLP_ENDPOINT":
				return "http://" + n.Addr().String()
			case "OTEL_EXPORTER_OTLP_TIMEOUT":
				return "300"
			}
			return env(name)
		}})
		record(t, r, 1, 10)
		flush(t, r)
		n.vanish()
		record(t, r, 11, 20)
		flush(t, r)
		wantFields(t, c.Spans(), 20)
	})
}
