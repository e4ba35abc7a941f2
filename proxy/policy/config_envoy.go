package policy

// envoyConfig is the Envoy beside this sealmesh, which gets its configuration
// from sealmesh (xDS). "sealmesh envoy" prints the few lines that such an Envoy
// starts with.
type envoyConfig struct {
	At place
	// Where Envoy gets its configuration from: unix:///absolute/path (mode 0660).
	XDS text `yaml:"xds,required"`
	// Where Envoy serves clients: host:port. Default 127.0.0.1:10000.
	Listen text `yaml:"listen"`
	// The protected service: host:port.
	Upstream text `yaml:"upstream,required"`
	// Envoy's admin endpoint: unix:///absolute/path, or host:port on loopback.
	// Default none. Envoy reads this key only when it starts.
	Admin text `yaml:"admin"`
	// Use HTTP/2 to the service, as gRPC needs. Default false.
	HTTP2 toggle `yaml:"http2"`
	// Let Envoy, not sealmesh, hold buffered bodies: for Envoy before 1.38.
	// Default false.
	Buffered toggle `yaml:"buffered"`
	// Longest time of an exchange. Default unlimited.
	Timeout duration `yaml:"timeout"`
	// Longest time without traffic on an exchange. Default unlimited.
	IdleTimeout duration `yaml:"idle_timeout"`
	// How long an idle connection to the service is kept. It must be shorter than
	// the service's own idle timeout. Default 1s.
	UpstreamIdle duration `yaml:"upstream_idle"`
	// Protocols that clients may upgrade to on routes without rules, or none.
	// Default websocket.
	Upgrades texts `yaml:"upgrades"`
	// Append the client's address to x-forwarded-for. Default false.
	ForwardedFor toggle `yaml:"forwarded_for"`
	// Mutual TLS from Envoy to listen. Required when tls is set. Envoy reads the
	// files again when they change.
	TLS *envoyTLSConfig `yaml:"tls"`
}

// envoyTLSConfig is what Envoy presents to sealmesh, and expects of it.
type envoyTLSConfig struct {
	At place
	// File with Envoy's certificate chain, PEM. It has a name that tls.allow
	// lists.
	Cert text `yaml:"cert,required"`
	// File with Envoy's private key, PEM.
	Key text `yaml:"key,required"`
	// File with the certificates that sign the certificate of tls, PEM.
	CA text `yaml:"ca,required"`
	// A name in the certificate of tls: a DNS name, or a URI such as a SPIFFE ID.
	ServerName text `yaml:"server_name,required"`
}
