package policy

import (
	"strings"
	"time"
)

// DefaultEnvoyListen is where Envoy serves clients, if the policy does not say.
const DefaultEnvoyListen = "127.0.0.1:10000"

// Envoy is what Envoy's configuration needs beside the rules of a policy.
// Addresses are host:port unless said otherwise.
type Envoy struct {
	XDS      string // "unix:///path", where sealmesh serves the configuration; "" for a file
	Listen   string // where clients connect
	Upstream string // the protected service
	Admin    string // Envoy's admin endpoint, host:port or "unix:///path"; "" for none
	// Required makes sealmesh unready while Envoy passes by it what the policy
	// protects, or cannot be asked at Admin.
	Required bool
	// Buffered makes Envoy hold buffered bodies, in body mode BUFFERED. Use it for
	// Envoy before 1.38, which cannot leave content-length to sealmesh, and for
	// routes with a retry policy, since Envoy would send a retried
	// FULL_DUPLEX_STREAMED body twice.
	Buffered bool
	// HTTP2 selects HTTP/2 to the upstream (for gRPC).
	HTTP2 bool
	// Processor is where Envoy reaches sealmesh; "" means the listener of the
	// policy.
	Processor string
	TLS       EnvoyTLS // to sealmesh, if the policy's listener has tls

	// Timeout limits a whole exchange, and IdleTimeout its pauses. 0 means no
	// limit of Envoy's own.
	Timeout, IdleTimeout time.Duration
	// UpstreamIdle is how long an idle connection to the service is kept; 0 means
	// 1 s.
	UpstreamIdle time.Duration
	// Upgrades are the protocols to which a connection may be upgraded on routes
	// without rules; nil means websocket only.
	Upgrades []string
	// ForwardedFor appends the client's address to x-forwarded-for.
	ForwardedFor bool
}

// Fixed returns what a running process cannot change of e, which may be nil.
func (e *Envoy) Fixed() Envoy {
	if e == nil {
		return Envoy{}
	}
	return Envoy{XDS: e.XDS, Admin: e.Admin, Required: e.Required}
}

// EnvoyTLS has the PEM files with which Envoy and sealmesh authenticate each
// other, where the policy's listener has tls.
type EnvoyTLS struct {
	Cert, Key  string // Envoy's certificate, with a name that the policy's tls.allow has
	CA         string // signed sealmesh's certificate
	ServerName string // a name in sealmesh's certificate: DNS, or a URI such as a SPIFFE ID
}

// envoy compiles the section envoy, nil for none. p has its other addresses.
func (c addressCompiler) envoy(p *Policy) *Envoy {
	conf := c.conf.Envoy
	if conf == nil {
		return nil
	}
	e := &Envoy{
		Listen: DefaultEnvoyListen, Required: conf.Unmediated.Value == "not_ready",
		HTTP2: conf.HTTP2.Value, Buffered: conf.Buffered.Value, ForwardedFor: conf.ForwardedFor.Value,
		Timeout: conf.Timeout.Value, IdleTimeout: conf.IdleTimeout.Value, UpstreamIdle: conf.UpstreamIdle.Value,
	}
	c.source(conf, e)
	if conf.Listen.present() {
		e.Listen = c.hostport(conf.Listen, "envoy.listen")
	}
	if conf.Admin.present() && conf.Admin.Value != "none" {
		addr, local := c.address(conf.Admin, "envoy.admin")
		e.Admin = strings.TrimPrefix(addr, "tcp://")
		if !local {
			c.problem(conf.Admin.place, "write unix:///path", `"envoy.admin" must be a unix socket or loopback: who reaches it can stop Envoy`)
		}
	}
	if conf.UpstreamIdle.present() && conf.UpstreamIdle.Value < time.Millisecond {
		c.problem(conf.UpstreamIdle.place, "", "envoy.upstream_idle must be at least 1ms")
	}
	e.Upgrades = c.upgrades(conf.Upgrades)
	e.TLS = c.envoyTLS(conf, p)
	return e
}

// source fills in where e gets its configuration from, and which service it is
// for.
func (c addressCompiler) source(conf *envoyConfig, e *Envoy) {
	if conf.XDS.present() {
		e.XDS = c.socket(conf.XDS, "envoy.xds")
	}
	switch {
	case conf.Upstream.present():
		e.Upstream = c.hostport(conf.Upstream, "envoy.upstream")
	case conf.XDS.present():
		c.problem(conf.XDS.place, "add upstream: host:port, the protected service", "Envoy needs to know the service")
	case !conf.Admin.present():
		c.problem(conf.At, "add xds and upstream, or admin", "envoy says neither where Envoy gets its configuration from nor where sealmesh asks for it")
	}
	if conf.Unmediated.Value == "not_ready" && !conf.Admin.present() {
		c.problem(conf.Unmediated.place, "add admin", "without envoy.admin sealmesh cannot know what Envoy passes by it")
	}
}

// socket returns the address t of key, which must be a unix socket.
func (c addressCompiler) socket(t text, key string) string {
	addr, _ := c.address(t, key)
	if strings.HasPrefix(addr, "tcp://") {
		c.problem(t.place, "write unix:///path", "%q must be a unix socket: who reaches it reads Envoy's configuration", key)
	}
	return addr
}

// hostport returns the address t of key, which must be host:port.
func (c addressCompiler) hostport(t text, key string) string {
	addr, _ := c.address(t, key)
	if strings.HasPrefix(addr, "unix://") {
		c.problem(t.place, "write host:port", "%q is no host:port", key)
	}
	return strings.TrimPrefix(addr, "tcp://")
}

// upgrades returns the protocols of t in lower case, nil for the default.
func (c addressCompiler) upgrades(t texts) []string {
	if len(t) == 1 && t[0].Value == "none" {
		return []string{}
	}
	var all []string
	for _, u := range t {
		name := strings.ToLower(u.Value)
		if name == "" || name == "none" || name == "connect" || strings.ContainsAny(name, " ,;/") {
			c.problem(u.place, "write a protocol, such as websocket, or none alone", "%q is no protocol to upgrade to", u.Value)
		}
		all = append(all, name)
	}
	return all
}

// envoyTLS returns how Envoy authenticates to the listener of p.
func (c addressCompiler) envoyTLS(conf *envoyConfig, p *Policy) EnvoyTLS {
	t := conf.TLS
	switch {
	case t == nil && p.TLS == nil:
		return EnvoyTLS{}
	case t == nil:
		c.problem(conf.At, "add envoy.tls: cert, key, ca and server_name", "listen has tls, and Envoy has no certificate for it")
		return EnvoyTLS{}
	case p.TLS == nil:
		c.problem(t.At, "remove it, or set tls", "envoy.tls is for a listener with tls, and there is none")
	}
	for _, f := range []text{t.Cert, t.Key, t.CA} {
		c.absolute(f)
	}
	return EnvoyTLS{Cert: t.Cert.Value, Key: t.Key.Value, CA: t.CA.Value, ServerName: t.ServerName.Value}
}
