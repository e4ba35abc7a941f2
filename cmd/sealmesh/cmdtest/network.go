package cmdtest

import (
	"net"
	"net/url"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	toxics "github.com/Shopify/toxiproxy/v2/client"
	"github.com/rs/zerolog"

	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// A Network lies before a server and can fail.
type Network struct{ Proxy *toxics.Proxy }

// NewNetwork starts a network before the server at that address.
func NewNetwork(t *testing.T, server string) Network {
	t.Helper()
	control := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	must(t, l.Close())
	go func() { _ = control.Listen(addr) }()
	t.Cleanup(func() { _ = control.Shutdown() })
	var n Network
	for range 100 {
		if n.Proxy, err = toxics.NewClient(addr).CreateProxy("server", "127.0.0.1:0", server); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	must(t, err)
	return n
}

// Failures returns the ways in which a network fails, by name. Each function
// starts the failure and returns the function that ends it.
func (n Network) Failures(t *testing.T) map[string]func() (undo func()) {
	return map[string]func() func(){
		"cut": func() func() {
			must(t, n.Proxy.Disable())
			return func() { must(t, n.Proxy.Enable()) }
		},
		"reset":     n.Toxic(t, "reset_peer", "downstream", toxics.Attributes{"timeout": 0}),
		"half open": n.Toxic(t, "timeout", "downstream", toxics.Attributes{"timeout": 0}),
	}
}

// Toxic returns a failure of that kind, one of toxiproxy's.
func (n Network) Toxic(t *testing.T, kind, stream string, a toxics.Attributes) func() (undo func()) {
	return func() func() {
		_, err := n.Proxy.AddToxic(kind, kind, stream, 1, a)
		must(t, err)
		return func() { must(t, n.Proxy.RemoveToxic(kind)) }
	}
}

// A KMS is a fake KMS behind a network, with one key.
type KMS struct {
	*kmsfake.Server
	Network
	ARN, URI string // of the key
}

// NewKMS starts a KMS.
func NewKMS(t *testing.T) *KMS {
	t.Helper()
	s, err := kmsfake.Start()
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	target, err := url.Parse(s.URL())
	must(t, err)
	k := &KMS{Server: s, ARN: s.CreateKey(kmsfake.Key{}), Network: NewNetwork(t, target.Host)}
	k.URI = "awskms:///" + k.ARN + "?endpoint=" + url.QueryEscape("http://"+k.Proxy.Listen)
	return k
}
