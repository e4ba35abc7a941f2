// Package policy turns a policy file into a [Policy]: an immutable value that
// says, for each request, which values of which body are sealed or opened, how,
// and under which key. Nothing of the file's own types is used once it is compiled.
package policy

import (
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// Load parses and compiles src. Its error is a [Problems], which holds every
// problem of the file at once. name is used in messages; getenv and readFile resolve
// ${ENV} and ${file:…}.
func Load(name string, src []byte, getenv func(string) (string, bool), readFile func(string) ([]byte, error)) (*Policy, error) {
	panic("not yet")
}

// A Policy is a compiled policy file. Immutable, safe for concurrent use.
type Policy struct {
	Listen    string // "unix:///run/sealmesh/ext_proc.sock", "tcp://127.0.0.1:9000"
	Admin     string // "127.0.0.1:9901"; loopback only
	Keys      []Key
	Tags      []Tag
	Routes    []*Route // in the order of the file
	Unmatched Unmatched
	Audit     Audit
	Limits    Limits
	Hash      string // hex SHA-256 of the file after expansion of nothing: its identity in metrics and /config
}

// Match finds the first route that a request falls under, nil when there is
// none. path is the :path pseudo-header, with its query. ErrAmbiguousPath is returned for a path that
// two servers could read differently (dot segments, empty segments, encoded slashes).
func (p *Policy) Match(method, host, path string) (*Route, error) { panic("not yet") }

// Unmatched says what becomes of a request that no route matches.
type Unmatched uint8

// RefuseUnmatched is the default.
const (
	RefuseUnmatched Unmatched = iota
	PassUnmatched
)

// A Key is a key as the file describes it; hsm.Keyring is made from it.
type Key struct {
	Name    string
	KEKs    []string // URIs
	Quorum  int
	Context map[string]string
	Record  string // pinned wrapped-key record in text form, or ""
	Rotate  Rotate
	Cache   CacheBounds
}

// Rotate, CacheBounds: zero fields mean keycache's defaults.
type Rotate struct {
	Age         time.Duration
	Uses, Bytes uint64
}
type CacheBounds struct{ Soft, Hard time.Duration }

// A Tag is a data class.
type Tag struct {
	Name    string
	Key     string
	Suite   suite.ID
	Context map[string]string // bound pairs besides the tag's name
}

// A Route is a compiled route.
type Route struct {
	Name     string
	Skip     bool  // explicitly without rules: no body is asked for
	Request  *Plan // nil when no rule touches the direction
	Response *Plan
	// what the Envoy generator needs
	Hosts, Methods []string
	Path           string
}

// A Plan is the rules of one direction of a route.
type Plan struct {
	Selector *codec.Selector
	Rules    []Rule   // by Field.Rule
	Mode     BodyMode // which Envoy body mode the generated configuration asks for
	Limits   codec.Limits
	// MediaTypes that may pass unread on this plan, explicitly (for example a 204's absence needs none; "image/*").
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

// BodyMode is the Envoy body mode a plan asks for.
type BodyMode uint8

const (
	Buffered BodyMode = iota // default: keeps content-length, lets Envoy retry
	Streamed                 // FULL_DUPLEX_STREAMED: bodies past the buffer limit, gRPC, SSE
)

// Audit says what happens when a key use cannot be recorded.
type Audit struct {
	Required   bool // default true
	SpoolDir   string
	SpoolBytes int64
}

// Limits of the process.
type Limits struct {
	BufferedBytes int64         // longest buffered body
	Streams       int           // exchanges at once
	Exchange      time.Duration // longest exchange in a streamed body mode without progress
}
