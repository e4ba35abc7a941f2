// Package keyusetest is an OTLP collector in the test process: real gRPC and
// HTTP servers on 127.0.0.1 that keep what they are sent, and that stall,
// refuse, go unavailable and come back when a test says so.
package keyusetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// patience is when a wait fails its test. Nothing ever waits that long for a
// reason.
const patience = 20 * time.Second

// A Collector keeps the spans that it acknowledged. Safe for concurrent use.
type Collector struct {
	t testing.TB

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	spans    []Span
	requests int
	stalled  chan struct{} // closed by Resume; nil when not stalled
	refuse   codes.Code
	retry    time.Duration
	reject   int

	servers
}

// Start starts a collector that stops with the test.
func Start(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{t: t, changed: make(chan struct{})}
	c.servers.listen(c, "127.0.0.1:0", "127.0.0.1:0")
	t.Cleanup(func() { c.Resume(); c.servers.stop() })
	return c
}

// Getenv is the environment that sends spans here over gRPC, each batch almost
// at once.
func (c *Collector) Getenv(name string) string {
	return map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + c.GRPC(),
		"OTEL_BSP_SCHEDULE_DELAY":     "5",
	}[name]
}

// GetenvHTTP is the environment that sends spans here over HTTP.
func (c *Collector) GetenvHTTP(name string) string {
	return map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + c.HTTP(),
		"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
		"OTEL_BSP_SCHEDULE_DELAY":     "5",
	}[name]
}

// Stall makes exports wait, unanswered, until Resume or their deadline.
func (c *Collector) Stall() {
	c.update(func() { c.stalled = make(chan struct{}) })
}

// Refuse makes exports fail with code, until Resume; over HTTP with the status
// that means the same.
func (c *Collector) Refuse(code codes.Code) { c.RefuseFor(code, 0) }

// RefuseFor also asks the client to try again after d, by RetryInfo or, in
// whole seconds, by Retry-After.
func (c *Collector) RefuseFor(code codes.Code, d time.Duration) {
	c.update(func() { c.refuse, c.retry = code, d })
}

// Reject makes the next export a partial success that leaves n spans out: the
// last n of the request.
func (c *Collector) Reject(n int) { c.update(func() { c.reject = n }) }

// Resume ends Stall and Refuse.
func (c *Collector) Resume() {
	c.update(func() {
		if c.stalled != nil {
			close(c.stalled)
		}
		c.stalled, c.refuse, c.retry = nil, codes.OK, 0
	})
}

// Stop closes the servers, as a collector that crashes does.
func (c *Collector) Stop() { c.servers.stop() }

// Restart opens the servers again, on the same addresses.
func (c *Collector) Restart() {
	c.t.Helper()
	c.servers.listen(c, c.GRPC(), c.HTTP())
}

// Spans returns what was acknowledged so far, in order of arrival.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Wait returns as soon as n spans were acknowledged.
func (c *Collector) Wait(n int) []Span {
	c.t.Helper()
	c.await("spans", n, func() int { return len(c.spans) })
	return c.Spans()
}

// WaitRequests returns as soon as n export requests have arrived, whatever
// became of them.
func (c *Collector) WaitRequests(n int) {
	c.t.Helper()
	c.await("requests", n, func() int { return c.requests })
}

// Requests counts the export requests so far.
func (c *Collector) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

func (c *Collector) await(what string, n int, count func() int) {
	c.t.Helper()
	timeout := time.After(patience)
	for {
		c.mu.Lock()
		have, changed := count(), c.changed
		c.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			c.t.Fatalf("the collector saw %d %s in %v, want %d", have, what, patience, n)
		}
	}
}

func (c *Collector) update(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}
