package policy

// The types below are the file. Their tags are its grammar and their comments
// its reference: schema.json, which editors read, is made from both. A scalar value may
// hold ${ENV}, ${ENV:-default} and ${file:path} (relative to the policy file), which are
// replaced before it is read; $${ stands for a literal ${. Keys of mappings are never expanded.
// A list of one may be written as its value alone. Sizes are bytes, or KiB, MiB, GiB;
// durations are Go's, with days: 30s, 5m, 1h30m, 30d.

// config is a policy file. It says which values of which bodies are sealed or
// opened, and under which keys.
type config struct {
	// Version of this file format: 1.
	Version number `yaml:"version,required" oneof:"1"`
	// Where Envoy reaches the processor: unix:///absolute/path (mode 0660) or tcp://host:port, which
	// needs tls. Default unix:///run/sealmesh/ext_proc.sock.
	Listen text `yaml:"listen"`
	// Which gRPC server serves listen: own, which is made for the Envoy on this host and serves
	// unix sockets only, or grpc, google.golang.org/grpc's. Default own on a unix socket without
	// tls, else grpc.
	ListenTransport text `yaml:"listen_transport" oneof:"own|grpc"`
	// Lets listen be tcp on loopback without tls. Every user and every container of the host's (or
	// the pod's) network can then open envelopes.
	InsecureLoopback toggle `yaml:"insecure_loopback"`
	// Where operators flush data keys, reload, and read the keys' state and the effective configuration:
	// unix:///absolute/path (mode 0600), or none. host:port on loopback works too, with a warning:
	// every local user can use it. Default unix:///run/sealmesh/admin.sock.
	Admin text `yaml:"admin"`
	// Where /metrics, /healthz and /readyz are served, to be read only: host:port, unix:///absolute/path
	// or none. They name routes, keys and KEKs, and hold no secret. Default 127.0.0.1:9464.
	Metrics text `yaml:"metrics"`
	// Mutual TLS of the listener. Required when listen is tcp, unless insecure_loopback.
	TLS *tlsConfig `yaml:"tls"`
	// required admits FIPS 140-3 approved algorithms alone: sealmesh starts only while the Go FIPS
	// module is active, tags seal by hkdf-aes-256-gcm, whatever another suite sealed is refused, and so is
	// a KEK that wraps by another algorithm. Default off.
	FIPS text `yaml:"fips" oneof:"required|off"`
	// What becomes of a request that no route matches: refuse (default), or pass, which
	// forwards it with its bodies unread.
	Unmatched text `yaml:"unmatched" oneof:"refuse|pass"`
	// What happens when a key use cannot be recorded. The mode alone may be written
	// in place of the mapping.
	Audit auditConfig `yaml:"audit"`
	// What one exchange and the process as a whole may cost. Past a limit the
	// exchange is refused.
	Limits limitsConfig `yaml:"limits"`
	// Keys by name. A key is the KEKs that wrap its data keys, and how long one data key serves.
	Keys table[keyConfig] `yaml:"keys" each:"key"`
	// Tags by name. A tag is a data class: how values of that class are protected.
	Tags table[tagConfig] `yaml:"tags" each:"tag"`
	// Routes, in order: the first that matches a request decides.
	Routes list[routeConfig] `yaml:"routes,required" each:"route"`
}

// tlsConfig is mutual TLS: both sides show a certificate.
type tlsConfig struct {
	At place
	// File with the server's certificate chain, PEM.
	Cert text `yaml:"cert,required"`
	// File with the server's private key, PEM.
	Key text `yaml:"key,required"`
	// File with the certificates that sign clients, PEM.
	ClientCA text `yaml:"client_ca,required"`
	// Clients that may connect: SPIFFE ids or DNS names that their certificate must carry.
	Allow texts `yaml:"allow,required"`
}

// auditConfig says what happens when a key use cannot be recorded.
type auditConfig struct {
	// required (default) refuses the exchange; best_effort goes on, and counts the loss.
	Mode text `yaml:"mode" oneof:"required|best_effort"`
	// Where records wait on disk while the collector is away.
	Spool *spoolConfig `yaml:"spool"`
}

// spoolConfig is a bounded folder of records that no collector has taken yet.
type spoolConfig struct {
	// Folder, absolute. It is created if need be, and holds no secret.
	Dir text `yaml:"dir,required"`
	// Most bytes that the folder may hold. Default 256MiB.
	Bytes size `yaml:"bytes"`
}

// limitsConfig bounds what one exchange and the process as a whole may cost.
type limitsConfig struct {
	// Longest tagged value to be sealed. On open its envelope may be as much longer as it is. Default 1MiB.
	ValueBytes size `yaml:"value_bytes"`
	// Deepest nesting of arrays and objects. Default 256.
	Depth number `yaml:"depth"`
	// Most tagged values in one body. Default 100000.
	Fields number `yaml:"fields"`
	// Longest member name. Default 64KiB.
	NameBytes size `yaml:"name_bytes"`
	// Longest body in any mode, of one with values to open once they are open. Default none: streamed
	// bodies need no bound.
	BodyBytes size `yaml:"body_bytes"`
	// Longest buffered body; a longer response is streamed, without its length. Envoy's own buffer limit
	// must be at least as large. Default 4MiB.
	BufferedBytes size `yaml:"buffered_bytes"`
	// Most exchanges at once. Default 10000.
	Streams number `yaml:"streams"`
	// How long a streamed exchange may stand still. Default 1m.
	Exchange duration `yaml:"exchange"`
	// Memory for bodies that are held, of all exchanges in sum: each counts 64KiB, and what is held
	// beyond. An exchange for which there is no room is refused before the service sees it. Default: half
	// of what the garbage collector is to keep to (GOMEMLIMIT, or 80% of the container's limit), else 512MiB.
	Memory size `yaml:"memory"`
	// Share of memory and streams that one caller may take, in per cent. Behind a gateway that all
	// requests come from, 100. Default 50.
	CallerShare number `yaml:"caller_share"`
	// How long a body may be held that is not complete, however its bytes come. Default 5m.
	Held duration `yaml:"held"`
	// Bytes a second that a held body has to bring on average, once exchange has passed. Default 4KiB.
	Rate size `yaml:"rate"`
}

// keyConfig is one key: KEKs, the context bound to its data keys, and bounds.
type keyConfig struct {
	At place
	// URI of the KEK: awskms:///arn:…, pkcs11:token=…;object=…, gcpkms:///projects/…,
	// azurekv://vault/keys/name, transit://host/mount/key, local:path. A list names several
	// (Regions, or a Region and an HSM): each wraps every data key, and whichever answers opens it.
	KEK texts `yaml:"kek,required"`
	// How many of the KEKs must have wrapped a new data key before it seals. Default 1; a data key
	// that some KEKs could not wrap is replaced soon after.
	Quorum number `yaml:"quorum"`
	// What this process may do under the key: both (default), seal or open. With seal it never
	// unwraps, and makes a new data key once per cache.soft instead; with open it never makes one. So
	// the role it runs under needs no permission for the other.
	Use text `yaml:"use" oneof:"both|seal|open"`
	// Encryption context bound to every data key. Not secret: a KMS logs it in clear.
	Context table[text] `yaml:"context"`
	// When a new data key takes over sealing. Values sealed before still open.
	Rotate rotateConfig `yaml:"rotate"`
	// How long an unwrapped data key may serve.
	Cache cacheConfig `yaml:"cache"`
	// Where wrapped data keys are kept: inline (default), in every envelope; or dir:path,
	// dynamodb:table or postgres://host/database, in a store that all processes which name it share: one
	// data key a day serves them all, and envelopes only name it.
	Store text `yaml:"store"`
	// What becomes of sealing when a new data key is due and the store is away: inline (default) puts
	// that one into its envelopes for a while, refuse waits for the store.
	StoreFallback text `yaml:"store_fallback" oneof:"inline|refuse"`
	// What the KEKs must be. One that is not so is an error at start-up.
	Require *requireConfig `yaml:"require"`
	// Wrapped-key record of a pinned key, as `sealmesh keys` made it: ${file:path}. Keys of the
	// deterministic suite need one, since a new data key would change every envelope.
	Record text `yaml:"record"`
}

// rotateConfig bounds the use of one data key for sealing; the first bound
// that is reached makes a new one.
type rotateConfig struct {
	// Age of the data key. Default 24h.
	Age duration `yaml:"age"`
	// Values sealed. Default 2147483648 (2^31).
	Uses number `yaml:"uses"`
	// Bytes sealed.
	Bytes size `yaml:"bytes"`
}

// cacheConfig bounds how long an unwrapped data key may serve.
type cacheConfig struct {
	// Revocation bound: past it the KEK is asked again, in the background. Default 5m.
	Soft duration `yaml:"soft"`
	// Outage bound: past it the data key is not used. Default 1h.
	Hard duration `yaml:"hard"`
}

// requireConfig states what a KEK must be, in the words of its back end.
type requireConfig struct {
	// Who manages the KEK.
	Manager text `yaml:"manager" oneof:"customer|aws"`
	// Where the key material comes from: AWS_KMS, EXTERNAL, AWS_CLOUDHSM, EXTERNAL_KEY_STORE, HSM, FILE.
	Origin text `yaml:"origin"`
	// Key specification: SYMMETRIC_DEFAULT, RSA_3072, AES_256.
	Spec text `yaml:"spec"`
	// Whether the KEK is a multi-Region key.
	MultiRegion toggle `yaml:"multi_region"`
	// Regions that must hold the KEK or a replica of it.
	Regions texts `yaml:"regions"`
	// Whether automatic rotation is on.
	Rotation text `yaml:"rotation" oneof:"enabled|disabled"`
	// Fewest days until imported key material expires.
	MinDaysToExpiry number `yaml:"min_days_to_expiry"`
}

// tagConfig is a data class.
type tagConfig struct {
	// Name of the key.
	Key text `yaml:"key,required"`
	// Suite that seals: xaes-256-gcm (default), hkdf-aes-256-gcm (default with fips: required, and the
	// only one then), or deterministic, with which equal values seal to equal envelopes. Opening goes
	// by the envelope.
	Suite text `yaml:"suite"`
	// Pairs authenticated with every value, besides the tag's name. A value opens only
	// under the pairs it was sealed with.
	Context table[text] `yaml:"context"`
	// More such pairs, whose values the request brings: NAME: path.PARAM takes what {PARAM} stands for
	// in the path, decoded, byte for byte. So a value opens only in the record that it was sealed in.
	// Every route with the tag needs {PARAM} in its path.
	ContextFrom table[text] `yaml:"context_from"`
}

// routeConfig says what happens to the bodies of the requests it matches, and
// of their responses.
type routeConfig struct {
	At place
	// Name in spans, metrics and refusals.
	Name text `yaml:"name,required"`
	// Which requests the route takes.
	Match *matchConfig `yaml:"match,required"`
	// Rules for request bodies.
	Request *directionConfig `yaml:"request"`
	// Rules for response bodies.
	Response *directionConfig `yaml:"response"`
	// What becomes of envelopes where no rule opens them. refuse (default): a body with one is refused,
	// since whoever stole it could have it opened. Requests are read for that wherever a route has
	// rules, also for responses alone. keep: where a value is to be sealed, an envelope that opens under
	// the very tag is left as it is, and its key use recorded; every other is refused. data: an envelope
	// is a text like others. A direction may say otherwise for itself.
	Envelopes text `yaml:"envelopes" oneof:"refuse|keep|data"`
	// The route has no rules on purpose: its bodies pass unread.
	Skip toggle `yaml:"skip"`
}

// matchConfig selects requests. What is left out matches all.
type matchConfig struct {
	At place
	// Host names, exact or *.suffix, which takes subdomains of any depth. Port and case do not count.
	Hosts texts `yaml:"hosts"`
	// Methods, upper case. Where an upstream honours X-HTTP-Method-Override, leave this out.
	Methods texts `yaml:"methods"`
	// Path template. A segment is literal, * or {name} (any one segment), or, at the end, ** (any
	// number, also none). Literals are written decoded; /a also matches /a/. A suffix that a framework
	// takes for a format (/a.json) is another path. A path with two readings (dot or empty segments,
	// encoded delimiters) falls under no route: it is refused.
	Path text `yaml:"path,required"`
	// Compare literals of the path without regard to case. Default true on a route with rules, since
	// many servers do, and false on one with skip.
	IgnoreCase toggle `yaml:"ignore_case"`
}

// directionConfig is the rules for the bodies of one direction.
type directionConfig struct {
	At place
	// Values to seal: path to tag. Paths are RFC 9535 JSONPath without filters and slices: $.a,
	// $['a'], $.a[0], $.a[*], $.*, $..a. Where two match a value, the more specific decides.
	Seal table[text] `yaml:"seal"`
	// Values to open: path to tag. A value that is no envelope of that tag is refused.
	Open table[text] `yaml:"open"`
	// What becomes of envelopes in this direction: refuse, keep or data. Default what the route says.
	Envelopes text `yaml:"envelopes" oneof:"refuse|keep|data"`
	// What the value of a body must be: any (default), object or array. An array at the root
	// gets around $.ssn.
	Root text `yaml:"root" oneof:"any|object|array"`
	// Refuse a body in which no rule finds a value. Default false.
	RequireMatch toggle `yaml:"require_match"`
	// What becomes of null where a value is to be sealed: keep leaves it, seal seals it. Default seal,
	// and keep in JSON Merge Patch, where null deletes.
	Null text `yaml:"null" oneof:"keep|seal"`
	// What becomes of a request that is a patch by its shape, whatever its type says: an array of
	// objects with op and path (RFC 6902), or operations of SCIM and JSON:API. refuse (default), since no
	// path finds what it changes, or data: the service takes no patches.
	Patch text `yaml:"patch" oneof:"refuse|data"`
	// Compare the names in paths without regard to case: for applications that take SSN for ssn, as
	// Go's encoding/json, ASP.NET and Newtonsoft.Json do.
	IgnoreCase toggle `yaml:"ignore_case"`
	// How Envoy hands over the body: buffered (default) keeps content-length and lets Envoy retry;
	// streamed is for bodies past the buffer limit, gRPC and server-sent events.
	Body text `yaml:"body" oneof:"buffered|streamed"`
	// Media types that may pass unread, as type/subtype or type/*. None that a codec reads can be among
	// them; any other is refused.
	Pass texts `yaml:"pass"`
	// How long values that are not sealed yet are tolerated on open.
	Migration *migrationConfig `yaml:"migration"`
}

// migrationConfig tolerates plaintext for a time. Each such value is counted.
type migrationConfig struct {
	At place
	// Day (00:00 UTC) from which a value that is no envelope is refused.
	AcceptPlaintextUntil date `yaml:"accept_plaintext_until,required"`
}
