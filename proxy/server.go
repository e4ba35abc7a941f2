package proxy

import (
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A Server serves ext_proc streams. Each stream uses one runtime until it ends:
// the one whose stamp the stream names, or else the newest. Safe for concurrent
// use.
type Server struct {
	runtimes atomic.Pointer[runtimes]
	metrics  *Metrics
	log      *slog.Logger
	tracer   trace.Tracer

	budget       *budget
	closeTimeout time.Duration // CloseTimeout
}

// NewServer returns a server with rt as its current runtime. It counts
// exchanges in m. tracer makes a span for each exchange; nil makes none.
func NewServer(rt *Runtime, m *Metrics, log *slog.Logger, tracer trace.Tracer) *Server {
	s := &Server{metrics: m, log: log, tracer: tracer, budget: newBudget(), closeTimeout: CloseTimeout}
	s.runtimes.Store(&runtimes{rt})
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

// Swap makes rt the only runtime, for exchanges that begin from now on. A
// runtime before it is retired when the last exchange that uses it ends.
func (s *Server) Swap(rt *Runtime) { s.runtimes.Swap(&runtimes{rt}).release(nil) }

// Add makes rt the newest runtime. Streams that name the stamp of the runtime
// before it still use that one, until [Server.Settle] or [Server.Withdraw]. No
// more than two runtimes are held.
func (s *Server) Add(rt *Runtime) {
	s.replace(func(old runtimes) runtimes { return runtimes{rt, old[0]} })
}

// Settle leaves only the newest runtime, for exchanges that begin from now on.
func (s *Server) Settle() {
	s.replace(func(old runtimes) runtimes { return old[:1] })
}

// Withdraw takes the newest runtime back, if there is one before it.
func (s *Server) Withdraw() {
	s.replace(func(old runtimes) runtimes { return old[len(old)-1:] })
}

// replace puts next of the runtimes in their place, and releases the others.
func (s *Server) replace(next func(old runtimes) runtimes) {
	for {
		old := s.runtimes.Load()
		kept := next(*old)
		if s.runtimes.CompareAndSwap(old, &kept) {
			old.release(kept)
			return
		}
	}
}

// Close releases all runtimes and does not wait: a runtime is retired when the
// last exchange that uses it ends. The server must not serve afterwards.
func (s *Server) Close() { s.runtimes.Load().release(nil) }

// Runtime returns the newest runtime.
func (s *Server) Runtime() *Runtime { return (*s.runtimes.Load())[0] }

func (s *Server) process(stream *wire.Stream) error { return s.exchange(stream).run() }

// exchange begins an exchange, which holds a runtime until its run returns.
func (s *Server) exchange(stream *wire.Stream) *exchange {
	stamp := stream.Authority()
	rt := s.runtimes.Load().named(stamp)
	for !rt.acquire() {
		rt = s.runtimes.Load().named(stamp)
	}
	most := int64(rt.policy.Limits.Streams)
	x := &exchange{srv: s, rt: rt, stream: stream, ctx: stream.Context()}
	x.request.x, x.response.x = x, x
	x.response.response = true
	x.overload = s.metrics.Active.Add(1) > most && most > 0
	return x
}

// runtimes are the runtimes that new exchanges may use, the newest first: one,
// or two while Envoy takes over the routes of the newest. Immutable.
type runtimes []*Runtime

// named returns the runtime with that stamp, or the newest. An exchange that
// names another stamp than its runtime has is refused when it starts.
func (rs *runtimes) named(stamp string) *Runtime {
	for _, rt := range *rs {
		if rt.stamp == stamp {
			return rt
		}
	}
	return (*rs)[0]
}

// release releases the runtimes that are not in kept.
func (rs *runtimes) release(kept runtimes) {
	for _, rt := range *rs {
		if !slices.Contains(kept, rt) {
			rt.release()
		}
	}
}
