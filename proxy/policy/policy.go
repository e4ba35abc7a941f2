// Package policy turns a policy file into a [Policy]. A Policy is immutable and
// says for each request which values of its bodies are sealed or opened, how,
// and under which key.
//
//	YAML ─ parse ─→ nodes ─ decode ─→ config ─ compile ─→ Policy
//	request ─ Policy.Match ─→ Route ─→ Plan of each direction
//
// A small policy file:
//
//	version: 1
//	keys:
//	  customer: {kek: "awskms:///arn:…", context: {service: customers}}
//	tags:
//	  pii.ssn: {key: customer}
//	routes: # the first that matches decides
//	  - name: customers
//	    match: {methods: [POST, GET], path: "/customers/{id}"}
//	    request: {seal: {$.ssn: pii.ssn}}
//	    response: {open: {$.ssn: pii.ssn}}
//	  - {name: health, match: {path: /healthz}, skip: true}
//
// The types in config*.go define the file format. [Schema] and docs/policy.md
// are made from their fields and comments, and describe every key. Only this
// package sees those types.
//
// [Load] reports every problem of a file at once, each with line, column and
// what to write instead: unknown and duplicate keys, wrong types, undefined
// names, paths that do not compile, limits that contradict each other. It also
// refuses anchors, aliases, merge keys and explicit types (!!str) of YAML.
package policy

import (
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/proxy/places"
)

// A Policy is a compiled policy file. Immutable, safe for concurrent use.
type Policy struct {
	Listen    string // "unix:///run/sealmesh/ext_proc.sock", "tcp://127.0.0.1:9000"
	Transport Transport
	Admin     string // "unix:///run/sealmesh/admin.sock" or "127.0.0.1:9901", loopback only; "" for none
	Metrics   string // "127.0.0.1:9464" or "unix:///path"; "" for none
	TLS       *TLS   // nil for none: only on a unix socket, or with insecure_loopback
	Envoy     *Envoy // nil for an Envoy that is configured by a file or by others
	FIPS      bool   // only approved algorithms, of the Go FIPS module
	Keys      []Key
	Tags      []Tag
	Routes    []*Route // in the order of the file
	Unmatched Unmatched
	Audit     Audit
	Limits    Limits
	Hash      string // hex SHA-256 of the file before expansion and of the schemas of formats: its identity in metrics and /config
	Warnings  []Problem
	Advice    []Problem // what a correct policy does that its author may not expect

	index    routeIndex
	byMethod bool
}

// Transport says which gRPC server serves Listen.
type Transport uint8

// The transports. OwnTransport serves only unix sockets without TLS.
const (
	OwnTransport  Transport = iota // package proxy/transport
	GRPCTransport                  // google.golang.org/grpc
)

// TLS is mutual TLS of the listener. Cert, Key and ClientCA are paths of PEM
// files. A client's certificate must carry one of the SPIFFE ids or DNS names
// in Allow.
type TLS struct {
	Cert, Key, ClientCA string
	Allow               []string
}

// Unmatched says what happens to a request that no route matches.
type Unmatched uint8

// Values of [Unmatched].
const (
	RefuseUnmatched Unmatched = iota // default
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
	// ContextFrom are bound pairs whose values are path parameters, in order of
	// name. The path of every route with the tag has these parameters; see
	// [Route.Param].
	ContextFrom []Bound
}

// A Bound is a context pair whose value is a path parameter of each request.
type Bound struct{ Pair, Param string }

// BoundPairs returns the names of the pairs in t.ContextFrom.
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
	Skip     bool  // explicitly without rules: sealmesh reads no body
	Request  *Plan // nil when no rule touches the direction
	Response *Plan
	// For Envoy's configuration:
	Hosts, Methods []string // empty for all
	Path           string   // the template, without a trailing slash
	IgnoreCase     bool     // of literals in Path

	template template
}

// A Plan is the rules of one direction of a route.
type Plan struct {
	Selector *codec.Selector
	// Checked is what each format compiled from Selector; see [Plan.Body].
	Checked map[*codec.Format]any
	// Unread says why a format is not read: it cannot have the rules, or lacks
	// settings.
	Unread map[*codec.Format]error
	Rules  []Rule   // by Field.Rule: those of the body, then those of other places
	Mode   BodyMode // Envoy's body mode
	Limits codec.Limits
	// OpenedBytes limits a body with values to open, in bytes after opening, and
	// replaces Limits.BodyBytes; 0 for no limit.
	OpenedBytes int64
	// RefuseCoded refuses bodies with a content coding instead of decoding them.
	RefuseCoded bool
	Envelopes   Envelopes
	Root        codec.Root
	Null        NullMode
	// RequireMatch: a body in which no rule finds a value is refused.
	RequireMatch bool
	Patches      bool // a body that is a patch by its shape is refused
	Methods      bool // a body that names a method is refused: see ErrMethodInQuery
	// Query is the rules of the query, as those of a body that form.Query reads;
	// nil for none. They are in Rules too, in the same order.
	Query *Plan
	// PlacesOnly: bodies pass unread, since only places beside them have rules.
	PlacesOnly bool
	// PassTypes are media types that may pass unread, in lower case: "image/png"
	// or "image/*". None covers a media type that a codec reads.
	PassTypes []string
}

// A Rule says what happens to the values of one path, or of one name in a place
// beside the body.
type Rule struct {
	In   places.Kind
	Path string // beside the body, the name: of a header as places.Plain has it
	Tag  int    // index into Policy.Tags
	Open bool   // false: seal
	// Lookup: beside the body, the suite is deterministic. The text alone is
	// sealed, so that equal values are equal in every spelling.
	Lookup bool
	// PlaintextUntil: until then a value to open that is no envelope passes
	// (migration); zero for never.
	PlaintextUntil time.Time
}

// String names what r concerns: "$.ssn", or "headers x-ssn".
func (r Rule) String() string {
	if r.In == places.Body {
		return r.Path
	}
	return r.In.String() + " " + r.Path
}

// Body returns what a Writer of format f needs to know about every body of p.
// The caller adds what concerns one body.
func (p *Plan) Body(f *codec.Format) codec.Body {
	return codec.Body{At: p.Selector.Root(), Checked: p.Checked[f], Limits: p.Limits}
}

// Reads reports whether the plan changes no body: it scans them for envelopes,
// or leaves them unread.
func (p *Plan) Reads() bool { return len(p.Rules) == 0 || p.Rules[0].In != places.Body }

// HasPlaces reports whether p has rules for places beside the body.
func (p *Plan) HasPlaces() bool { return len(p.Rules) > 0 && p.Rules[len(p.Rules)-1].In != places.Body }

// Envelopes says what happens to an envelope that no rule opens.
type Envelopes uint8

// Values of [Envelopes].
const (
	RefuseEnvelopes  Envelopes = iota // default: the body is refused
	KeepEnvelopes                     // in place of a value to seal, an envelope that opens under the tag stays
	EnvelopesAreData                  // an envelope is text like any other
)

// NullMode says what happens to null in place of a value to seal.
type NullMode uint8

// Values of [NullMode].
const (
	NullByType NullMode = iota // default: sealed, but kept in JSON Merge Patch, where null deletes
	KeepNull
	SealNull
)

// BodyMode is the way in which Envoy sends a body.
type BodyMode uint8

// Values of [BodyMode].
const (
	Buffered BodyMode = iota // default: keeps content-length, lets Envoy retry
	Streamed                 // FULL_DUPLEX_STREAMED: bodies past the buffer limit, gRPC, SSE
)

// Audit says what happens when a key use cannot be recorded.
type Audit struct {
	Required   bool   // default true
	SpoolDir   string // "" for no spool
	SpoolBytes int64  // 0 for keyuse's default
}

// Limits of the process. Load fills in the defaults.
type Limits struct {
	BufferedBytes int64         // longest buffered body
	Streams       int           // exchanges at once
	Exchange      time.Duration // longest time without progress in a streamed exchange
	Memory        int64         // bytes of bodies held at once; 0 for the process's default
	CallerShare   int           // share of Memory and Streams that one caller may use, in per cent
	Held          time.Duration // longest time to hold an incomplete body
	Rate          int64         // least bytes per second of such a body, after Exchange
	Ratio         int           // most by which decoding a body may multiply its length
}

// Defaults of [Limits] and of addresses.
const (
	DefaultBufferedBytes = 4 << 20
	DefaultStreams       = 10_000
	DefaultExchange      = time.Minute
	DefaultCallerShare   = 50
	DefaultHeld          = 5 * time.Minute
	DefaultRate          = 4 << 10
	DefaultRatio         = 100
	DefaultListen        = "unix:///run/sealmesh/ext_proc.sock"
	DefaultAdmin         = "unix:///run/sealmesh/admin.sock"
	DefaultMetrics       = "127.0.0.1:9464"
)
