package policy

// envoyConfig is the Envoy beside this sealmesh, and what it is configured for.
type envoyConfig struct {
	At place
	// Where sealmesh serves Envoy its configuration (xDS): unix:///absolute/path
	// (mode 0660). A reload then changes rules and routes together. Envoy starts
	// with the few lines that "sealmesh envoy --xds" prints. Default none: Envoy
	// has a file, or another control plane.
	XDS text `yaml:"xds"`
	// Where Envoy serves clients: host:port. Default 127.0.0.1:10000.
	Listen text `yaml:"listen"`
	// The protected service: host:port. Required with xds.
	Upstream text `yaml:"upstream"`
	// Envoy's admin endpoint: unix:///absolute/path, or host:port on loopback.
	// sealmesh asks there whether Envoy sends it what the policy protects. Default
	// none: sealmesh does not know. Envoy reads this key only when it starts.
	Admin text `yaml:"admin"`
	// What happens when Envoy passes by sealmesh what the policy protects, or
	// cannot be asked: report (default), in metrics, in the log and on /readyz, or
	// not_ready, which also makes sealmesh unready.
	Unmediated text `yaml:"unmediated" oneof:"report|not_ready"`
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
