package policy

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// maxSocketPath is the longest path of a unix socket that Linux takes (sun_path less its NUL).
const maxSocketPath = 107

// listen returns the canonical form of the listener's address: unix:///path or tcp://host:port.
func (c *compiler) listen(t text, tls bool) string {
	if !t.present() {
		return DefaultListen
	}
	addr, local := c.address(t, "listen")
	if addr != "" && !local && !tls {
		c.problem(t.place, "listen on a unix socket or loopback, or set tls",
			`"listen" can be reached from other hosts, and there is no tls`)
	}
	return addr
}

// transport chooses the gRPC server of p's listener.
func (c *compiler) transport(t text, p *Policy) Transport {
	local := strings.HasPrefix(p.Listen, "unix://") && p.TLS == nil
	switch {
	case t.Value == "own" && !local && p.Listen != "":
		c.problem(t.place, "delete it, or write grpc", `"listen_transport" own serves a unix socket without tls only`)
	case t.Value == "own", !t.present() && local:
		return OwnTransport
	}
	return GRPCTransport
}

// admin returns the canonical form of the admin address: unix:///path or host:port.
func (c *compiler) admin(t text) string {
	if !t.present() {
		return DefaultAdmin
	}
	addr, local := c.address(t, "admin")
	if addr != "" && !local {
		c.problem(t.place, "write 127.0.0.1:port or unix:///path", `"admin" must be loopback or a unix socket`)
	}
	return strings.TrimPrefix(addr, "tcp://")
}

// address checks an address, and tells whether only this host reaches it.
func (c *compiler) address(t text, key string) (addr string, local bool) {
	if path, ok := strings.CutPrefix(t.Value, "unix://"); ok {
		if !strings.HasPrefix(path, "/") || len(path) > maxSocketPath {
			c.problem(t.place, "", "%q: a socket's path is absolute and at most %d bytes long", key, maxSocketPath)
			return "", true
		}
		return t.Value, true
	}
	hostport := strings.TrimPrefix(t.Value, "tcp://")
	host, port, err := net.SplitHostPort(hostport)
	if _, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || strings.Contains(host, "/") {
		c.problem(t.place, "write unix:///path or host:port", "%q is no address", key)
		return "", true
	}
	return "tcp://" + hostport, isLoopback(host)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
