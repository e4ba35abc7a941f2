// Package keyuse records every use of a data key as an OpenTelemetry span, and
// loses none.
//
// The span pipeline of the OpenTelemetry SDK drops spans when its queue is full
// and when an export fails. So key uses have a [Recorder] of their own:
//
//	Record → encode → queue ────────→ sender → collector
//	                    └─→ spool ────↗
//
// It encodes OTLP directly into a bounded queue, sends batches over gRPC or
// HTTP, and frees a batch only when the collector has acknowledged it. While
// the collector is unreachable or slow, batches move to a bounded spool on
// disk. They are sent later, also after a restart. Package otlp delivers;
// package spool stores.
//
// # Promise and limits
//
// Every use that [Recorder.Record] accepts reaches the collector at least once,
// in the order of recording, or is counted and logged as lost. With
// [Options.Required], Record returns an error for every other use, and the
// caller must not use the key.
//
// A streamed body is recorded while it passes. The first use of a data key is
// recorded before its chunk leaves, in a span of its own. Further uses are
// added at most once a second, in spans with the mark sealmesh.partial. Fields
// and bytes of all spans of one (trace, direction, data key, operation) add up
// to the use; the last span has its outcome. To count uses, count the spans
// without the mark.
//
// Uses that fail before a key is known, such as forged envelopes, are
// aggregated: see [Recorder.Attempt]. A span for several exchanges has the
// attribute sealmesh.aggregate.
//
// Each of these can lose a recorded use, or send it twice:
//
//   - A process killed without [Recorder.Close] loses what is only in memory:
//     at most QueueBytes. Usually that is the last second
//     (OTEL_BSP_SCHEDULE_DELAY) and the batch under way. A collector that
//     stalls can extend it to ten seconds (OTEL_EXPORTER_OTLP_TIMEOUT); from
//     then on spans go to the spool at once. Of a streamed body, the increments
//     of the last second are lost too.
//   - Spooled batches survive the death of the process and, once their memory
//     is freed, of the machine: every round of writes ends in fsync. Batches of
//     a failed fsync are still in memory and go to another file.
//   - A disk may lose or damage a file. Its spans are counted and logged as
//     lost when they are read; later spans are sent.
//   - A batch whose acknowledgement was lost is sent again, with the same span
//     ids.
//   - A collector may refuse single spans of a batch (OTLP's partial success):
//     a retry is pointless. They are counted and logged.
//   - Only an ExportTraceServiceResponse acknowledges: over HTTP with status
//     200 and the content type application/x-protobuf. Another server that
//     answers 200 has taken nothing.
//
// A collector that refuses permanently (bad credentials, bad request) blocks
// the queue if recording is required: batches are retried, after a while once a
// minute. Otherwise they are dropped, counted and logged, as OTLP asks.
//
// # Environment
//
// The standard variables configure the destination. Variables with TRACES in
// their name override the general ones: OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT,
// PROTOCOL (grpc, the default, or http/protobuf), HEADERS, TIMEOUT,
// CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY, COMPRESSION and INSECURE. The
// three files are reloaded when they change. Others are OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES, whose values must be UTF-8, and
// OTEL_BSP_SCHEDULE_DELAY (default one second). OTEL_TRACES_EXPORTER may be
// otlp, console (one JSON line per key use) or none; with none the spool is the
// record and has to be configured. OTEL_SDK_DISABLED and the samplers do not
// apply: a key use is never sampled out.
package keyuse

import "errors"

// ErrFull means that queue and spool are full, or that the spool is slower than
// key uses arrive. The key must not be used.
var ErrFull = errors.New("key use not recorded: queue and spool are full")

// ErrClosed means that the recorder was closed.
var ErrClosed = errors.New("key use not recorded: the recorder is closed")

// An Exchange is what all key uses of one direction of an HTTP exchange have in
// common.
type Exchange struct {
	TraceID   [16]byte // the caller's trace; zero starts a new trace
	ParentID  [8]byte  // the caller's span, zero for none
	Route     string   // configured name; at most 128 bytes are recorded
	Direction string   // "request" or "response"
	Place     string   // beside the body where the values were: "path", "headers"; "" for the body
	Caller    string   // authenticated by Envoy; at most 512 bytes are recorded
	Format    string   // of the body, such as "json"; "" for no body
}

// A Use is one (exchange, direction, data key, operation) or, for a streamed
// body, a part of it.
type Use struct {
	Start, End int64    // Unix nanoseconds
	Key        string   // configured key name; at most 128 bytes are recorded
	DataKey    [16]byte // data key id; zero if the use failed before a key was known
	Operation  string   // "seal" or "open"
	Suite      string
	Tags       []string // names, sorted; about 512 bytes are recorded, then "…"
	Fields     int
	Bytes      int64  // plaintext bytes
	Cache      string // "hit", "miss" or "stale"
	ErrorType  string // a keycache.Reason, or "" on success
	Aggregate  bool   // of several exchanges; the span is in the trace of the first
	Partial    bool   // adds to a recorded use; Fields and Bytes are increments
}

// Stats counts spans since start.
type Stats struct {
	Recorded uint64 // accepted by Record
	Exported uint64 // acknowledged by the collector
	Spooled  uint64 // written to the spool by this process
	// Dropped spans are lost: no room and best effort, damaged on disk, or
	// given up. The damaged end of a file counts as one span: nobody knows its
	// spans.
	Dropped uint64
	Refused uint64 // refused by a collector that took the rest of the batch

	QueueBytes   int64 // in memory
	SpoolBytes   int64 // on disk
	DamagedBytes int64 // on disk, kept for the operator
	// Down: the last export failed.
	Down bool
	// SpoolFails: the last write to the spool failed.
	SpoolFails bool
}
