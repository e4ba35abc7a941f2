// Package keyuse records every use of a data key as an OpenTelemetry span,
// and loses none.
//
// The OpenTelemetry SDK's span pipeline drops spans when its queue is full and
// when an export fails, so key uses have a recorder of their own: OTLP is encoded
// straight into a bounded queue, sent in batches over gRPC or HTTP, and freed only
// when the collector has acknowledged it. A stalled or absent collector fills a bounded
// spool on disk, which is sent later, also after a restart.
//
// # The promise, and where it ends
//
// A use that [Recorder.Record] took reaches the collector at least once, in the
// order of recording, or is counted and logged as lost; with [Options.Required], a use
// that it did not take returns an error, and then the key must not be used.
// A streamed body is recorded as it passes: the first use of a data key before its chunk
// leaves, in a span of its own, and what adds to it at most once a second, in spans that
// sealmesh.partial marks. Fields and bytes of all spans of one (trace, direction, data key,
// operation) add up to the use; the outcome is that of the last. A reader that counts uses
// counts the spans without the mark.
//
// What failed before a key was known, as forged envelopes do, is recorded in sum: see
// [Recorder.Attempt]. A span for several exchanges has sealmesh.aggregate.
//
// Each of these can lose a recorded use, or send it twice:
//
//   - A process killed without [Recorder.Close] loses what is in memory only: the
//     last second (OTEL_BSP_SCHEDULE_DELAY) and what is on its way, which a collector that
//     stalls can make ten seconds (OTEL_EXPORTER_OTLP_TIMEOUT) until spans go to the
//     spool as they come; never more than QueueBytes. Of a streamed body it can also lose
//     what was added in the second before.
//   - What the spool holds survives the death of the process, and, once a batch has
//     left memory, of the machine: every round of writes ends in fsync. What an fsync
//     that failed may have lost is still in memory, and goes into another file.
//   - A disk that loses a file, or spoils or does not give what it took, loses those
//     spans. They are counted and logged as lost when they are read, and what comes after
//     them is sent.
//   - A batch that was sent, but whose acknowledgement was lost, is sent again, with
//     the same span ids.
//   - A collector may refuse single spans of a batch (OTLP's partial success), which
//     says that sending them again is pointless. They are counted and logged.
//   - Only an ExportTraceServiceResponse acknowledges: over HTTP with status 200 and the
//     content type application/x-protobuf. A web server that answers 200 took nothing.
//
// A collector that refuses for good (bad credentials, bad request) blocks the queue
// when recording is required: batches are kept and tried again, in the end once a minute.
// When it is not required they are dropped, counted and logged, as OTLP asks.
//
// # Spool
//
// The spool directory (mode 0700, files 0600) belongs to one process at a time, by a
// lock that ends with it. It holds segments of at most 8 MiB, numbered in order:
//
//	segment: "smku" 2 0 0 0 | length | CRC | chain | resource | frame…
//	frame:   state | length | spans | CRC | sequence | previous | data
//
// Numbers are big endian: length, spans and CRC uint32, sequence uint64. length is that of
// resource or data; CRC is CRC-32C, of chain and resource, or of length, spans and all that
// follows CRC. chain (16 bytes), sequence and previous (32 bytes) are reserved for a hash
// chain over batches: zero now, and not looked at. Version 1, which is still read, has none of
// the three. A segment of a newer version stops the start.
//
// resource is the encoded OTLP Resource of the process that used the keys, data a run of
// encoded ScopeSpans.spans fields. state is 'P', and 'A' once the collector has
// acknowledged the frame; nothing else is ever rewritten. A segment is deleted with its
// last frame. One that cannot be read to its end, because a process was killed in the
// middle of a write or the disk spoilt it, is sent as far as it can be read, reported, and
// kept under a name that ends in ".damaged". Such files take as much as an eighth of
// SpoolBytes besides it; beyond that the oldest are deleted.
//
// # Environment
//
// The standard variables say where spans go; those with TRACES in their name go before
// the general ones: OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT, PROTOCOL (grpc, which is the
// default, or http/protobuf), HEADERS, TIMEOUT, CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY,
// COMPRESSION and INSECURE. The three files are read again when they change. Others are
// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, whose values have to be UTF-8, and
// OTEL_BSP_SCHEDULE_DELAY, one second when unset. OTEL_TRACES_EXPORTER may be otlp, console
// (one JSON line per key use) or none: then the spool is the record, and has to be
// configured. OTEL_SDK_DISABLED and the samplers do not apply: a key use is never
// sampled away.
package keyuse

import "errors"

// ErrFull means that neither queue nor spool has room, or that the spool is
// slower than the key uses come: the key must not be used.
var ErrFull = errors.New("key use not recorded: queue and spool are full")

// ErrClosed means that the recorder no longer takes key uses.
var ErrClosed = errors.New("key use not recorded: the recorder is closed")

// An Exchange is what the key uses of one direction have in common.
type Exchange struct {
	TraceID   [16]byte // the caller's trace; a new one is made when zero
	ParentID  [8]byte  // the caller's span, zero for none
	Route     string   // configured name; at most 128 bytes are recorded
	Direction string   // "request" or "response"
	Caller    string   // who called, as far as Envoy vouches for it; at most 512 bytes are recorded
}

// A Use is one (exchange, direction, data key, operation), or in a streamed body a
// part of one.
type Use struct {
	Start, End int64    // Unix nanoseconds
	Key        string   // configured key name; at most 128 bytes are recorded
	DataKey    [16]byte // data key id; zero when the use failed before a key was known
	Operation  string   // "seal" or "open"
	Suite      string
	Tags       []string // names, sorted; about 512 bytes are recorded, and "…" for the others
	Fields     int
	Bytes      int64  // plaintext bytes
	Cache      string // "hit", "miss" or "stale"
	ErrorType  string // a keycache.Reason, or "" on success
	Aggregate  bool   // of several exchanges, of which the span is in the trace of the first
	Partial    bool   // adds to a use that is recorded: Fields and Bytes of all its spans add up
}

// Stats counts spans since start.
type Stats struct {
	Recorded uint64 // taken by Record
	Exported uint64 // acknowledged by the collector
	Spooled  uint64 // written to the spool by this process
	Dropped  uint64 // lost: best effort and no room, damaged on disk, or given up; a damaged end, whose spans nobody can count, counts as one
	Refused  uint64 // refused one by one by a collector that took the rest of the batch

	QueueBytes   int64 // in memory
	SpoolBytes   int64 // on disk
	DamagedBytes int64 // on disk, kept for the operator
	// Down says that the last attempt to export failed.
	Down bool
	// SpoolFails says that the last attempt to write to the spool failed.
	SpoolFails bool
}
