// Package otlp delivers encoded spans to an OpenTelemetry collector, over gRPC
// or HTTP, as the variables OTEL_* of the OpenTelemetry specification say.
//
// It knows how OTLP wraps spans in an export request, which answers acknowledge
// them, and which errors are worth a retry. It neither queues nor retries.
package otlp

import (
	"context"
	"time"
)

// An Exporter sends requests to one destination. One goroutine may use it.
type Exporter struct {
	// Export sends a request once. It returns an error unless the destination
	// acknowledged the request. An error that is no [*Error] is worth a retry.
	Export func(context.Context, *Request) (Answer, error)
	// Close ends the connections. It must not be called during Export.
	Close func() error
}

// An Error is a request that no acknowledgement answered.
type Error struct {
	Permanent bool          // every retry fails until an operator acts
	After     time.Duration // how long the collector asks to wait; 0: it does not ask
	Err       error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }
