// Package keyuse records every use of a data key as an OpenTelemetry span,
// and loses none.
//
// The OpenTelemetry SDK's span pipeline drops spans when its queue is full and
// when an export fails, so key uses have a recorder of their own: OTLP is encoded
// straight into a bounded queue, sent in batches over gRPC or HTTP, and freed only
// when the collector has acknowledged it. A stalled or absent collector fills a bounded
// spool on disk, which is sent later, also after a restart.
package keyuse

import "context"

// An Exchange is what the key uses of one direction have in common.
type Exchange struct {
	TraceID   [16]byte // the caller's trace; a new one is made when zero
	ParentID  [8]byte  // the caller's span, zero for none
	Route     string   // configured name
	Direction string   // "request" or "response"
	Caller    string   // who called, as far as Envoy vouches for it; may be empty
}

// A Use is one (exchange, direction, data key, operation).
type Use struct {
	Start, End int64    // Unix nanoseconds
	Key        string   // configured key name
	DataKey    [16]byte // data key id; zero when the use failed before a key was known
	Operation  string   // "seal" or "open"
	Suite      string
	Tags       []string // names, sorted
	Fields     int
	Bytes      int64  // plaintext bytes
	Cache      string // "hit", "miss" or "stale"
	ErrorType  string // a keycache.Reason, or "" on success
}

// Options of a [Recorder]. Zero values take the documented defaults.
type Options struct {
	Required   bool   // `audit: required`: refuse when a use cannot be recorded
	SpoolDir   string // "" for no spool
	SpoolBytes int64
	QueueBytes int64
	Resource   map[string]string   // resource attributes: service.name, …
	Getenv     func(string) string // OTEL_* variables; os.Getenv when nil
}

// Stats counts spans since start.
type Stats struct {
	Recorded, Exported, Spooled, Dropped, Refused uint64
	QueueBytes, SpoolBytes                        int64
}

// A Recorder queues, spools and exports key uses. Safe for concurrent use.
type Recorder struct{}

// Open starts a recorder with the exporter that OTEL_EXPORTER_OTLP_* name, and
// begins to send what an earlier process left in the spool.
func Open(opt Options) (*Recorder, error) { panic("not yet") }

// Record queues the uses of one direction: all or none. It blocks on nothing.
// reserved is what Reserve granted for them before. With Options.Required it
// returns [ErrFull] when neither queue nor spool has room; otherwise it counts
// the loss and returns nil.
func (r *Recorder) Record(x *Exchange, uses []Use, reserved Reservation) error { panic("not yet") }

// A Reservation is room for spans that are still to be recorded.
type Reservation struct{ bytes int64 }

// Reserve grows have so that n more spans will surely be recorded, or returns
// [ErrFull].
func (r *Recorder) Reserve(have Reservation, n int) (Reservation, error) { panic("not yet") }

// Stats returns the counters now.
func (r *Recorder) Stats() Stats { panic("not yet") }

// Close sends what is queued until ctx ends, spools the rest, and stops.
func (r *Recorder) Close(ctx context.Context) error { panic("not yet") }
