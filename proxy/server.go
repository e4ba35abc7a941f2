// Package proxy is the ext_proc service: it takes the bodies that Envoy hands
// over, has tagged values sealed or opened in them, and gives them back.
//
// It guarantees that no tagged value leaves a protected route in clear because
// something went wrong. Every end of a stream that is not the end of both
// directions is an error, since Envoy takes a clean end for leave to pass the
// rest on untouched. What cannot be read is refused.
package proxy

import (
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A Server serves ext_proc streams under the runtime that is in place when each
// begins. Safe for concurrent use.
type Server struct {
	runtime atomic.Pointer[Runtime]
	metrics *Metrics
	log     *slog.Logger
	tracer  trace.Tracer

	budget   *budget
	lastWord time.Duration // DefaultLastWord
}

// NewServer returns a server that runs rt. tracer makes the ordinary request
// spans, and may be nil.
func NewServer(rt *Runtime, m *Metrics, log *slog.Logger, tracer trace.Tracer) *Server {
	s := &Server{metrics: m, log: log, tracer: tracer, budget: newBudget(), lastWord: DefaultLastWord}
	s.runtime.Store(rt)
	return s
}

// Bound sets the memory for bodies, in bytes, where the policy sets none. It must be called
// before the server serves.
func (s *Server) Bound(memory int64) { s.budget.fallback = memory }

// Held returns what exchanges in flight are charged of the memory for bodies, in bytes.
func (s *Server) Held() int64 { return s.budget.held() }

// Register adds the service to g, whose codec must be wire.Codec.
func (s *Server) Register(g grpc.ServiceRegistrar) { wire.Register(g, s.process) }

// Swap puts rt in place for exchanges that begin from now on.
func (s *Server) Swap(rt *Runtime) { s.runtime.Swap(rt).release() }

// Close retires the runtime in place, once the exchanges in flight have ended.
// The server must not be asked to serve again.
func (s *Server) Close() { s.runtime.Load().release() }

// Runtime returns the runtime in place.
func (s *Server) Runtime() *Runtime { return s.runtime.Load() }

func (s *Server) process(stream *wire.Stream) error { return s.exchange(stream).run() }

// exchange counts an exchange in; its run counts it out.
func (s *Server) exchange(stream *wire.Stream) *exchange {
	rt := s.runtime.Load()
	for !rt.acquire() {
		rt = s.runtime.Load()
	}
	busy := s.metrics.Active.Add(1) > int64(rt.policy.Limits.Streams) && rt.policy.Limits.Streams > 0
	x := &exchange{srv: s, rt: rt, stream: stream, ctx: stream.Context()}
	x.request.x, x.response.x = x, x
	x.response.response = true
	x.busy = busy
	return x
}

func attr(key, value string) slog.Attr { return slog.String(key, value) }

// levelOf separates what a client did wrong from what an operator must see.
func levelOf(code string) slog.Level {
	switch code {
	case codeKey, codeAudit, codeBusy, codeMode, codeProtocol, codeInternal, codeBehind:
		return slog.LevelError
	}
	return slog.LevelWarn
}
