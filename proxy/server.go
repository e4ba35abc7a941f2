package proxy

import (
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A Server serves ext_proc streams. Each stream uses the runtime that is
// current when the stream begins, until it ends. Safe for concurrent use.
type Server struct {
	runtime atomic.Pointer[Runtime]
	metrics *Metrics
	log     *slog.Logger
	tracer  trace.Tracer

	budget       *budget
	closeTimeout time.Duration // CloseTimeout
}

// NewServer returns a server with rt as its current runtime. It counts
// exchanges in m. tracer makes a span for each exchange; nil makes none.
func NewServer(rt *Runtime, m *Metrics, log *slog.Logger, tracer trace.Tracer) *Server {
	s := &Server{metrics: m, log: log, tracer: tracer, budget: newBudget(), closeTimeout: CloseTimeout}
	s.runtime.Store(rt)
	return s
}

// Bound sets the memory budget for bodies, in bytes, for policies without
// limits.memory. It must be called before the server serves.
func (s *Server) Bound(memory int64) { s.budget.fallback = memory }

// Held returns how much of the memory budget for bodies is charged to active
// exchanges, in bytes.
func (s *Server) Held() int64 { return s.budget.held() }

// Register adds the service to g, whose codec must be wire.Codec or
// wire.NetworkCodec.
func (s *Server) Register(g grpc.ServiceRegistrar) { wire.Register(g, s.process) }

// Swap makes rt the current runtime, for exchanges that begin from now on. The
// runtime before it is retired when the last exchange that uses it ends.
func (s *Server) Swap(rt *Runtime) { s.runtime.Swap(rt).release() }

// Close releases the current runtime and does not wait: the runtime is retired
// when the last exchange that uses it ends. The server must not serve
// afterwards.
func (s *Server) Close() { s.runtime.Load().release() }

// Runtime returns the current runtime.
func (s *Server) Runtime() *Runtime { return s.runtime.Load() }

func (s *Server) process(stream *wire.Stream) error { return s.exchange(stream).run() }

// exchange begins an exchange, which holds a runtime until its run returns.
func (s *Server) exchange(stream *wire.Stream) *exchange {
	rt := s.runtime.Load()
	for !rt.acquire() {
		rt = s.runtime.Load()
	}
	most := int64(rt.policy.Limits.Streams)
	x := &exchange{srv: s, rt: rt, stream: stream, ctx: stream.Context()}
	x.request.x, x.response.x = x, x
	x.response.response = true
	x.overload = s.metrics.Active.Add(1) > most && most > 0
	return x
}
