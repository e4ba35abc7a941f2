package policy

// The types here, in config_key.go and in config_envoy.go are the file. Their
// tags are its grammar and their comments are its reference: schema.json and
// docs/policy.md are made from both. A scalar value may hold ${ENV},
// ${ENV:-default} and ${file:path} (relative to the policy file), which are
// replaced before the value is read; $${ is a literal ${. Keys of mappings are
// never expanded. A list of one value may be written as the value alone. Sizes
// are bytes, or KiB, MiB, GiB; durations are Go's, with days: 30s, 5m, 1h30m,
// 30d.

// config is a policy file. It says which values of which bodies are sealed or
// opened, and under which keys.
type config struct {
	// Version of this file format: 1.
	Version number `yaml:"version,required" oneof:"1"`
	// Where Envoy reaches the processor: unix:///absolute/path (mode 0660) or
	// tcp://host:port, which needs tls. Default
	// unix:///run/sealmesh/ext_proc.sock.
	Listen text `yaml:"listen"`
	// The gRPC server of listen: own, which is made for an Envoy on this host and
	// serves only unix sockets, or grpc, the server of google.golang.org/grpc.
	// Default own on a unix socket without tls, else grpc.
	ListenTransport text `yaml:"listen_transport" oneof:"own|grpc"`
	// Allows tcp on loopback without tls for listen. Then every user and every
	// container on the network of the host (or the pod) can open envelopes.
	InsecureLoopback toggle `yaml:"insecure_loopback"`
	// Where operators flush data keys, reload, and read the state of keys and the
	// effective configuration: unix:///absolute/path (mode 0600), or none.
	// host:port on loopback works with a warning, since every local user can use
	// it. Default unix:///run/sealmesh/admin.sock.
	Admin text `yaml:"admin"`
	// Where /metrics, /healthz and /readyz are served, read-only: host:port,
	// unix:///absolute/path or none. They name routes, keys and KEKs and hold no
	// secret. Default 127.0.0.1:9464.
	Metrics text `yaml:"metrics"`
	// Mutual TLS of the listener. Required when listen is tcp, unless
	// insecure_loopback.
	TLS *tlsConfig `yaml:"tls"`
	// The Envoy beside this sealmesh.
	Envoy *envoyConfig `yaml:"envoy"`
	// required admits only FIPS 140-3 approved algorithms: sealmesh starts only if
	// the Go FIPS module is active, tags seal with hkdf-aes-256-gcm, and sealmesh
	// refuses envelopes of other suites and KEKs that wrap with other algorithms.
	// Default off.
	FIPS text `yaml:"fips" oneof:"required|off"`
	// What happens to a request that no route matches: refuse (default), or pass,
	// which forwards it with its bodies unread.
	Unmatched text `yaml:"unmatched" oneof:"refuse|pass"`
	// What happens when a key use cannot be recorded. The mode alone may be
	// written in place of the mapping.
	Audit auditConfig `yaml:"audit"`
	// Limits of one exchange and of the whole process. Past a limit the exchange
	// is refused.
	Limits limitsConfig `yaml:"limits"`
	// Schemas that rules were written from by "sealmesh policy from-schema": file,
	// relative to this one, to the SHA-256 of its bytes in hex. check warns of a
	// schema that has changed since.
	WrittenFrom table[text] `yaml:"written_from" each:"schema"`
	// Keys by name. A key names the KEKs that wrap its data keys, and how long one
	// data key is used.
	Keys table[keyConfig] `yaml:"keys" each:"key"`
	// Tags by name. A tag is a data class: how values of that class are protected.
	Tags table[tagConfig] `yaml:"tags" each:"tag"`
	// Routes, in order: the first that matches a request decides.
	Routes list[routeConfig] `yaml:"routes,required" each:"route"`
}

// tlsConfig is mutual TLS: both sides present a certificate.
type tlsConfig struct {
	At place
	// File with the server's certificate chain, PEM.
	Cert text `yaml:"cert,required"`
	// File with the server's private key, PEM.
	Key text `yaml:"key,required"`
	// File with the certificates that sign clients, PEM.
	ClientCA text `yaml:"client_ca,required"`
	// Clients that may connect: SPIFFE ids or DNS names that their certificate
	// must carry.
	Allow texts `yaml:"allow,required"`
}

// auditConfig says what happens when a key use cannot be recorded.
type auditConfig struct {
	// required (default) refuses the exchange; best_effort continues and counts
	// the loss.
	Mode text `yaml:"mode" oneof:"required|best_effort"`
	// Where records wait on disk while the collector is unavailable.
	Spool *spoolConfig `yaml:"spool"`
}

// spoolConfig is a folder of limited size for records that no collector has
// accepted yet.
type spoolConfig struct {
	// Folder, absolute. sealmesh creates it if necessary. It holds no secret.
	Dir text `yaml:"dir,required"`
	// Largest size of the folder. Default 256MiB.
	Bytes size `yaml:"bytes"`
}

// limitsConfig limits one exchange and the whole process.
type limitsConfig struct {
	// Longest tagged value to seal. The envelope of such a value may be opened.
	// Default 1MiB.
	ValueBytes size `yaml:"value_bytes"`
	// Deepest nesting of arrays and objects. Default 256.
	Depth number `yaml:"depth"`
	// Most tagged values in one record: a row, line, event or message of a stream.
	// Any other body is one record. Default 100000.
	Fields number `yaml:"fields"`
	// Longest member name. Default 64KiB.
	NameBytes size `yaml:"name_bytes"`
	// Longest body in any mode. A body with values to open is measured after
	// opening. Default none: streamed bodies need no limit.
	BodyBytes size `yaml:"body_bytes"`
	// Longest buffered body; a longer response is streamed, without its length.
	// Envoy's own buffer limit must be at least as large. Default 4MiB.
	BufferedBytes size `yaml:"buffered_bytes"`
	// Most exchanges at once. Default 10000.
	Streams number `yaml:"streams"`
	// How long a streamed exchange may make no progress. Default 1m.
	Exchange duration `yaml:"exchange"`
	// Memory for held bodies of all exchanges together. Each exchange counts
	// 64KiB, plus what it holds beyond that. An exchange that does not fit is
	// refused before the service sees it. Default half of the garbage collector's
	// limit (GOMEMLIMIT, or 80% of the container's limit), else 512MiB.
	Memory size `yaml:"memory"`
	// Share of memory and streams that one caller may use, in per cent. Write 100
	// behind a gateway that all requests come from. Default 50.
	CallerShare number `yaml:"caller_share"`
	// How long an incomplete body may be held, however fast its bytes arrive.
	// Default 5m.
	Held duration `yaml:"held"`
	// Average bytes per second that a held body must deliver, once exchange has
	// passed. Default 4KiB.
	Rate size `yaml:"rate"`
	// How many times longer than it came a compressed body may be once it is
	// decoded, beyond the first 64KiB. Default 100.
	DecodedRatio number `yaml:"decoded_ratio"`
}

// routeConfig says what happens to the bodies of matching requests and of their
// responses.
type routeConfig struct {
	At place
	// Name in spans, metrics and refusals.
	Name text `yaml:"name,required"`
	// The requests that the route takes.
	Match *matchConfig `yaml:"match,required"`
	// Rules for request bodies.
	Request *directionConfig `yaml:"request"`
	// Rules for response bodies.
	Response *directionConfig `yaml:"response"`
	// What happens to an envelope that no rule opens. refuse (default): its body
	// is refused, since a thief of envelopes could get it opened. Requests are
	// scanned for envelopes on every route with rules, even if only responses have
	// rules. keep: in place of a value to seal, an envelope that opens under the
	// same tag is left as it is, and its key use is recorded; any other is
	// refused. data: an envelope is text like any other. A direction may override
	// this.
	Envelopes text `yaml:"envelopes" oneof:"refuse|keep|data"`
	// The route deliberately has no rules: its bodies pass unread.
	Skip toggle `yaml:"skip"`
}

// matchConfig selects requests. A key that is left out matches all.
type matchConfig struct {
	At place
	// Host names, exact or *.suffix, which matches subdomains of any depth. Port
	// and case are ignored.
	Hosts texts `yaml:"hosts"`
	// Methods, upper case. Leave this out if an upstream honours
	// X-HTTP-Method-Override.
	Methods texts `yaml:"methods"`
	// Path template. A segment is literal, * or {name} (any one segment), or, at
	// the end, ** (any number, or none). Literals are written decoded; /a also
	// matches /a/. A path with a suffix that a framework reads as a format
	// (/a.json) is another path. A path that servers read in different ways (dot
	// or empty segments, encoded delimiters) matches no route: it is refused.
	Path text `yaml:"path,required"`
	// Ignore case in literals of the path. Default true on a route with rules,
	// since many servers ignore case, and false on a route with skip.
	IgnoreCase toggle `yaml:"ignore_case"`
}

// directionConfig is the rules for one direction. Those that name no place
// concern the body.
type directionConfig struct {
	At place
	// Values to seal: path to tag. Paths are RFC 9535 JSONPath without filters and
	// slices: $.a, $['a'], $.a[0], $.a[*], $.*, $..a. If two paths match a value,
	// the more specific one decides.
	Seal table[text] `yaml:"seal"`
	// Values to open: path to tag. A value that is no envelope of that tag is
	// refused.
	Open table[text] `yaml:"open"`
	// Values in the query: name of a parameter to tag, or a path as of a form,
	// such as $.user.ssn. Requests only.
	Query *placeConfig `yaml:"query"`
	// Values in the path: NAME of {NAME} in the path of the route to tag. Requests
	// only.
	Path *placeConfig `yaml:"path"`
	// Values of headers: name to tag. Case does not count, and what is neither
	// letter nor digit is a hyphen. Each line of a header is one value.
	Headers *placeConfig `yaml:"headers"`
	// Values of cookies: name to tag. They are in Cookie of a request, and in
	// Set-Cookie of a response.
	Cookies *placeConfig `yaml:"cookies"`
	// What happens to envelopes in this direction: refuse, keep or data. Default
	// as for the route.
	Envelopes text `yaml:"envelopes" oneof:"refuse|keep|data"`
	// What the value of a body must be: any (default), object or array. An array
	// at the root gets around $.ssn.
	Root text `yaml:"root" oneof:"any|object|array"`
	// Refuse a body in which no rule finds a value. Default false.
	RequireMatch toggle `yaml:"require_match"`
	// What happens to null in place of a value to seal: keep leaves it, seal seals
	// it. Default seal, but keep in JSON Merge Patch, where null deletes.
	Null text `yaml:"null" oneof:"keep|seal"`
	// What happens to a request with the shape of a patch, whatever its media
	// type: an array of objects with op and path (RFC 6902), or operations of SCIM
	// and JSON:API. refuse (default), since no path finds the values that a patch
	// changes, or data, if the service takes no patches.
	Patch text `yaml:"patch" oneof:"refuse|data"`
	// Ignore case in the names in paths: for applications that read SSN as ssn, as
	// Go's encoding/json, ASP.NET and Newtonsoft.Json do.
	IgnoreCase toggle `yaml:"ignore_case"`
	// How Envoy sends the body: buffered (default) keeps content-length and lets
	// Envoy retry; streamed is for bodies past the buffer limit, gRPC and
	// server-sent events.
	Body text `yaml:"body" oneof:"buffered|streamed"`
	// What happens to a body with a content-encoding of gzip, br or zstd: decode
	// (default) decodes it, and encodes it again in the same coding, or refuse.
	// Other codings are always refused.
	Encoding text `yaml:"encoding" oneof:"decode|refuse"`
	// Media types that may pass unread, as type/subtype or type/*. They cannot
	// include a type that a codec reads. A body of any other type without a codec
	// is refused.
	Pass texts `yaml:"pass"`
	// What a format must know to read bodies, by name of the format: a mapping of
	// its settings to text, such as `csv: {delimiter: ";"}`. Each format has its
	// own settings. In all of them the setting schema is the path of a file,
	// relative to the policy file.
	Formats table[table[text]] `yaml:"formats" each:"format"`
	// How long values that are not sealed yet are accepted on open.
	Migration *migrationConfig `yaml:"migration"`
}

// placeConfig is the rules for values in one place beside the body.
type placeConfig struct {
	At place
	// Values to seal: name to tag.
	Seal table[text] `yaml:"seal"`
	// Values to open: name to tag. A value that is no envelope of that tag is
	// refused.
	Open table[text] `yaml:"open"`
}

// migrationConfig accepts plaintext for a limited time. Each such value is
// counted.
type migrationConfig struct {
	At place
	// Day (00:00 UTC) from which a value that is no envelope is refused.
	AcceptPlaintextUntil date `yaml:"accept_plaintext_until,required"`
}
