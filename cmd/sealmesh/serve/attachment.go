package serve

import (
	"context"
	"log/slog"

	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/attachment"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// newWatcher returns what watches whether Envoy sends to s what the policy
// protects; nil if p does not say where to ask Envoy.
func newWatcher(p *policy.Policy, s *proxy.Server, m *proxy.Metrics) *attachment.Watcher {
	addr := p.Envoy.Fixed().Admin
	if addr == "" {
		return nil
	}
	return attachment.New(addr, func() *policy.Policy { return s.Runtime().Policy() }, attachment.Counts{
		Exchanges: func(route string) uint64 { return m.Route(route).Exchanges.Load() },
		Active:    m.Active.Load,
	})
}

// watchEnvoy watches with w, if there is one, until ctx ends. If required,
// sealmesh is ready only while nothing passes by it.
func watchEnvoy(ctx context.Context, w *attachment.Watcher, required bool, ready *health.Server, log *slog.Logger) {
	if w == nil {
		return
	}
	serving := func(yes bool) {
		status := grpc_health_v1.HealthCheckResponse_SERVING
		if required && !yes {
			status = grpc_health_v1.HealthCheckResponse_NOT_SERVING
		}
		ready.SetServingStatus("", status)
	}
	serving(false) // before the first look
	w.Watch(ctx, func(s *attachment.State) {
		serving(s.Mediated())
		if s.Mediated() {
			log.Info("mediated: Envoy sends to sealmesh what the policy protects")
		}
		for _, what := range s.Problems() {
			log.Error("unmediated: Envoy may pass by sealmesh what the policy protects", "what", what, "ready", !required)
		}
	})
}
