package proxy

import (
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A Server serves ext_proc streams. Each runs under the runtime that is in
// place when the stream begins. Safe for concurrent use.
type Server struct {
	runtime atomic.Pointer[Runtime]
	metrics *Metrics
	log     *slog.Logger
	tracer  trace.Tracer

	budget       *budget
	closeTimeout time.Duration // CloseTimeout
}

// NewServer returns a server that runs rt and counts in m. tracer makes the
// spans of exchanges; nil means no such spans.
func NewServer(rt *Runtime, m *Metrics, log *slog.Logger, tracer trace.Tracer) *Server {
	s := &Server{metrics: m, log: log, tracer: tracer, budget: newBudget(), closeTimeout: CloseTimeout}
	s.runtime.Store(rt)
	return s
}

// Bound sets the memory for bodies, in bytes, for policies that set none. It
// must be called before the server serves.
func (s *Server) Bound(memory int64) { s.budget.fallback = memory }

// Held returns how much of the memory for bodies is charged to exchanges in
// flight, in bytes.
func (s *Server) Held() int64 { return s.budget.held() }

// Register adds the service to g, whose codec must be wire.Codec or
// wire.NetworkCodec.
func (s *Server) Register(g grpc.ServiceRegistrar) { wire.Register(g, s.process) }

// Swap puts rt in place for exchanges that begin from now on.
func (s *Server) Swap(rt *Runtime) { s.runtime.Swap(rt).release() }

// Close retires the runtime in place, once the exchanges in flight have ended.
// The server must not serve afterwards.
func (s *Server) Close() { s.runtime.Load().release() }

// Runtime returns the runtime in place.
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

func attr(key, value string) slog.Attr { return slog.String(key, value) }
