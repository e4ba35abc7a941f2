// Package policy turns a policy file into a [Policy]: an immutable value that
// says, for each request, which values of which body are sealed or opened, how,
// and under which key. Nothing of the file's own types is used once it is compiled.
//
// The file is YAML, and every key is described where its type is, in config.go; [Schema]
// is the same for editors. In short:
//
//	version: 1
//	listen: unix:///run/sealmesh/ext_proc.sock      # or tcp://host:port with tls
//	insecure_loopback: false                        # true: tcp://127.0.0.1:port without tls
//	admin: unix:///run/sealmesh/admin.sock          # or none
//	metrics: 127.0.0.1:9464                         # or none
//	tls: {cert: FILE, key: FILE, client_ca: FILE, allow: [SPIFFE ID or DNS name]}
//	fips: off                                       # or required: approved algorithms alone
//	unmatched: refuse                               # or pass
//	audit: required                                 # or {mode: best_effort, spool: {dir: DIR, bytes: 256MiB}}
//	limits: {value_bytes, depth, fields, name_bytes, body_bytes, buffered_bytes, streams, exchange}
//	keys:
//	  NAME:
//	    kek: URI                                    # or a list; with quorum: how many must wrap
//	    context: {NAME: VALUE}                      # bound to data keys, logged by the KMS
//	    rotate: {age: 24h, uses: 2147483648, bytes: 1TiB}
//	    cache: {soft: 5m, hard: 1h}                 # revocation bound, outage bound
//	    require: {manager, origin, spec, multi_region, regions, rotation, min_days_to_expiry}
//	    store: inline                               # or dir:PATH, dynamodb:TABLE, postgres://HOST/DATABASE
//	    record: ${file:lookup.record}               # pinned, for the deterministic suite
//	tags:
//	  NAME: {key: NAME, suite: xaes-256-gcm, context: {NAME: VALUE}, context_from: {NAME: path.PARAM}}
//	routes:                                         # the first that matches decides
//	  - name: NAME
//	    match: {hosts: ["*.example.com"], methods: [POST], path: "/customers/{id}/**", ignore_case: false}
//	    request:
//	      seal: {$.ssn: TAG}                        # and open
//	      body: buffered                            # or streamed
//	      pass: [image/*]
//	      root: object                              # or array, any; require_match, null, patch
//	    response:
//	      open: {$..ssn: TAG}
//	      migration: {accept_plaintext_until: 2027-03-01}
//	    envelopes: refuse                           # or keep, data: where no rule opens them
//	  - {name: NAME, match: {path: /healthz}, skip: true}
//
// Unknown and duplicate keys, wrong types, names that nothing defines, paths that do not
// compile and bounds that contradict each other are [Problems], all reported at once with
// line, column and what to write instead. YAML anchors, aliases, merge keys and tags are refused.
package policy

import (
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
)

// A Policy is a compiled policy file. Immutable, safe for concurrent use.
type Policy struct {
	Listen    string // "unix:///run/sealmesh/ext_proc.sock", "tcp://127.0.0.1:9000"
	Transport Transport
	Admin     string // "unix:///run/sealmesh/admin.sock" or "127.0.0.1:9901", loopback only; "" for none
	Metrics   string // "127.0.0.1:9464" or "unix:///path"; "" for none
	TLS       *TLS   // nil for none, which only a socket may have, and loopback where the file insists
	FIPS      bool   // approved algorithms alone, by the FIPS module
	Keys      []Key
	Tags      []Tag
	Routes    []*Route // in the order of the file
	Unmatched Unmatched
	Audit     Audit
	Limits    Limits
	Hash      string // hex SHA-256 of the file after expansion of nothing: its identity in metrics and /config
	Warnings  []Problem
	Advice    []Problem // what a policy that is right may do that its author does not expect

	index    routeIndex
	byMethod bool
}

// Transport says which gRPC server serves Listen.
type Transport uint8

// The own transport serves unix sockets without TLS only.
const (
	OwnTransport  Transport = iota // package proxy/transport
	GRPCTransport                  // google.golang.org/grpc
)

// TLS is mutual TLS of the listener: paths of PEM files, and the SPIFFE ids or
// DNS names of which a client's certificate must carry one.
type TLS struct {
	Cert, Key, ClientCA string
	Allow               []string
}

// Unmatched says what becomes of a request that no route matches.
type Unmatched uint8

// RefuseUnmatched is the default.
const (
	RefuseUnmatched Unmatched = iota
	PassUnmatched
)

// A Key is a key as the file describes it. Its KEKs are not open.
type Key struct {
	Name    string
	KEKs    []string // URIs, in order of preference
	Quorum  int      // how many of KEKs must wrap a new data key before it seals
	Context hsm.EncryptionContext
	Record  []byte // pinned wrapped-key record in text form; nil for none
	Use     hsm.Use
	Rotate  hsm.Rotate
	Cache   hsm.TTLs

	Store       string // URL of the store of its records; "" for inline
	StoreRefuse bool   // while the store is unavailable no new data key seals; else its record goes inline

	Require *hsm.Requirement // what every KEK must be; nil for nothing
}

// Unopened returns k without KEKs; the caller opens k.KEKs and adds them.
func (k *Key) Unopened() *hsm.Key {
	return &hsm.Key{
		Name: k.Name, Context: k.Context, Quorum: k.Quorum, Use: k.Use,
		Rotate: k.Rotate, Cache: k.Cache, Record: k.Record,
	}
}

// A Tag is a data class.
type Tag struct {
	Name    string
	Key     string
	Suite   suite.ID
	Context map[string]string // bound pairs besides the tag's name
	// ContextFrom are bound pairs whose values are path parameters, in order of the pairs' names.
	// Every route with the tag has them; see [Route.Param].
	ContextFrom []Bound
}

// A Bound is a pair of a context whose value is a path parameter of each request.
type Bound struct{ Pair, Param string }

// BoundPairs are the names of the pairs in t.ContextFrom.
func (t *Tag) BoundPairs() []string {
	pairs := make([]string, len(t.ContextFrom))
	for i, b := range t.ContextFrom {
		pairs[i] = b.Pair
	}
	return pairs
}

// A Route is a compiled route.
type Route struct {
	Name     string
	Skip     bool  // explicitly without rules: no body is asked for
	Request  *Plan // nil when no rule touches the direction
	Response *Plan
	// what the Envoy generator needs
	Hosts, Methods []string
	Path           string // the template, without a trailing slash
	IgnoreCase     bool   // of literals in Path

	template template
}

// A Plan is the rules of one direction of a route.
type Plan struct {
	Selector *codec.Selector
	// Checked is what each format has compiled of Selector, for Plan.Body.
	Checked map[*codec.Format]any
	Rules   []Rule   // by Field.Rule; none where bodies are only read for envelopes
	Mode    BodyMode // which Envoy body mode the generated configuration asks for
	Limits  codec.Limits
	// OpenedBytes bounds a body with values to open, in bytes once they are open, in place
	// of Limits.BodyBytes; 0: no bound.
	OpenedBytes int64
	Envelopes   Envelopes
	Root        codec.Root
	Null        NullMode
	// RequireMatch refuses a body in which no rule finds a value.
	RequireMatch bool
	Patches      bool // a body that is a patch by its shape is refused
	// PassTypes are media types that may pass unread, explicitly: lower case, "image/png" or
	// "image/*". None of them covers a media type of codec's table.
	PassTypes []string
}

// A Rule is what happens to the values of one path.
type Rule struct {
	Path string
	Tag  int  // index into Policy.Tags
	Open bool // false: seal
	// PlaintextUntil: on open, a value that is no envelope passes until then (migration); zero never.
	PlaintextUntil time.Time
}

// Body is what a Writer of format f needs to know of every body of p. What one
// body adds to it, the caller fills in.
func (p *Plan) Body(f *codec.Format) codec.Body {
	return codec.Body{At: p.Selector.Root(), Checked: p.Checked[f], Limits: p.Limits}
}

// Reads reports whether the plan only looks at bodies, and changes none.
func (p *Plan) Reads() bool { return len(p.Rules) == 0 }

// Envelopes says what becomes of an envelope where no rule opens it.
type Envelopes uint8

// What becomes of them.
const (
	RefuseEnvelopes Envelopes = iota
	KeepEnvelopes             // where a rule seals, one that opens under the rule's tag stays
	EnvelopesAreData
)

// NullMode says what becomes of null where a value is to be sealed.
type NullMode uint8

// What becomes of it.
const (
	NullByType NullMode = iota // kept in JSON Merge Patch, where null deletes
	KeepNull
	SealNull
)

// BodyMode is the Envoy body mode a plan asks for.
type BodyMode uint8

const (
	Buffered BodyMode = iota // default: keeps content-length, lets Envoy retry
	Streamed                 // FULL_DUPLEX_STREAMED: bodies past the buffer limit, gRPC, SSE
)

// Audit says what happens when a key use cannot be recorded.
type Audit struct {
	Required   bool   // default true
	SpoolDir   string // "" for no spool
	SpoolBytes int64  // 0 means keyuse's default
}

// Limits of the process. Load fills in the defaults.
type Limits struct {
	BufferedBytes int64         // longest buffered body
	Streams       int           // exchanges at once
	Exchange      time.Duration // longest exchange in a streamed body mode without progress
	Memory        int64         // bytes that are held of bodies in sum; 0: what the process has by default
	CallerShare   int           // of Memory and Streams that one caller may take, per cent
	Held          time.Duration // longest time for which a body is held that is not complete
	Rate          int64         // bytes a second that such a body has to bring, once Exchange has passed
}

// Defaults of [Limits], and of what else the proxy needs and a file may leave out.
const (
	DefaultBufferedBytes = 4 << 20
	DefaultStreams       = 10_000
	DefaultExchange      = time.Minute
	DefaultCallerShare   = 50
	DefaultHeld          = 5 * time.Minute
	DefaultRate          = 4 << 10
	DefaultListen        = "unix:///run/sealmesh/ext_proc.sock"
	DefaultAdmin         = "unix:///run/sealmesh/admin.sock"
	DefaultMetrics       = "127.0.0.1:9464"
)
