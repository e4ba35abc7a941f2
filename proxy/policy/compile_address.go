package policy

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// maxSocketPath is the longest path of a unix socket on Linux, in bytes:
// sun_path without its NUL (unix(7)).
const maxSocketPath = 107

// An addressCompiler compiles where the process serves.
type addressCompiler struct{ *compiler }

// addresses fills in the addresses of p and its transport. No two addresses may
// be the same.
func (c addressCompiler) addresses(p *Policy) {
	conf := c.conf
	p.Listen = c.listen(conf.Listen, conf.InsecureLoopback, conf.TLS != nil)
	p.Admin, p.Metrics = c.admin(conf.Admin), c.metrics(conf.Metrics)
	p.Transport = c.transport(conf.ListenTransport, p)
	p.Envoy = c.envoy(p)
	listen := strings.TrimPrefix(p.Listen, "tcp://")
	c.distinct(listen, p.Admin, conf.Admin, conf.Listen)
	c.distinct(listen, p.Metrics, conf.Metrics, conf.Listen)
	c.distinct(p.Admin, p.Metrics, conf.Metrics, conf.Admin)
	if e := p.Envoy; e != nil {
		for _, own := range []string{listen, p.Admin, p.Metrics} {
			c.distinct(own, e.XDS, conf.Envoy.XDS, conf.Envoy.XDS)
			c.distinct(own, e.Admin, conf.Envoy.Admin, conf.Envoy.Admin)
			c.distinct(own, e.Listen, conf.Envoy.Listen, conf.Envoy.Upstream)
		}
		c.distinct(e.XDS, e.Admin, conf.Envoy.Admin, conf.Envoy.XDS)
		c.distinct(e.Listen, e.Admin, conf.Envoy.Admin, conf.Envoy.Listen)
		c.distinct(e.Listen, e.Upstream, conf.Envoy.Upstream, conf.Envoy.Listen)
	}
}

// distinct reports that addresses a and b are the same, if the file sets
// either. first and second are where it does.
func (c addressCompiler) distinct(a, b string, first, second text) {
	at := first.place
	if !at.present() {
		at = second.place
	}
	if a == b && a != "" && !strings.HasSuffix(a, ":0") && at.present() {
		c.problem(at, "", "two addresses of this file are the same")
	}
}

// listen returns the listener's address in canonical form: unix:///path or
// tcp://host:port. Loopback protects nothing: every user and every container in
// the network namespace can connect. So loopback needs tls, unless the file
// sets insecure_loopback.
func (c addressCompiler) listen(t text, insecure toggle, tls bool) string {
	addr, local := DefaultListen, true
	if t.present() {
		addr, local = c.address(t, "listen")
	}
	open := strings.HasPrefix(addr, "tcp://") && !tls
	switch {
	case open && !local:
		c.problem(t.place, "listen on a unix socket, or set tls",
			`"listen" can be reached from other hosts, and there is no tls`)
	case open && !insecure.Value:
		c.problem(t.place, "listen on a unix socket, set tls, or write insecure_loopback: true",
			`"listen" on loopback lets every local user open envelopes, and there is no tls`)
	case open:
		c.warn(insecure.place, "listen on a unix socket, or set tls", "every local user can open envelopes through listen")
	case insecure.Value && addr != "":
		c.warn(insecure.place, "remove it", "insecure_loopback changes nothing: listen is a unix socket or has tls")
	}
	return addr
}

// transport chooses the gRPC server for p.Listen.
func (c addressCompiler) transport(t text, p *Policy) Transport {
	local := strings.HasPrefix(p.Listen, "unix://") && p.TLS == nil
	switch {
	case t.Value == "own" && !local && p.Listen != "":
		c.problem(t.place, "delete it, or write grpc", `"listen_transport" own serves a unix socket without tls only`)
	case t.Value == "own", !t.present() && local:
		return OwnTransport
	}
	return GRPCTransport
}

// admin returns the admin address in canonical form: unix:///path or host:port,
// or "" for none.
func (c addressCompiler) admin(t text) string {
	switch {
	case !t.present():
		return DefaultAdmin
	case t.Value == "none":
		return ""
	}
	addr, local := c.address(t, "admin")
	hostport, tcp := strings.CutPrefix(addr, "tcp://")
	switch {
	case addr != "" && !local:
		c.problem(t.place, "write unix:///path", `"admin" must be a unix socket or loopback`)
	case tcp:
		c.warn(t.place, "write unix:///path, which only this user may use", `every local user can reach "admin" and drop data keys`)
	}
	return hostport
}

// metrics returns the address of /metrics in canonical form: unix:///path or
// host:port, or "" for none.
func (c addressCompiler) metrics(t text) string {
	switch {
	case !t.present():
		return DefaultMetrics
	case t.Value == "none":
		return ""
	}
	addr, _ := c.address(t, "metrics")
	return strings.TrimPrefix(addr, "tcp://")
}

// address checks the address t of key. It returns unix:///path or
// tcp://host:port, or "" if t is invalid; local reports whether only this host
// can connect.
func (c addressCompiler) address(t text, key string) (addr string, local bool) {
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
