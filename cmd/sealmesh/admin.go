package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// admin serves operators: what there is to read by metrics, and that and the rest
// by admin. Whoever reaches the latter may drop data keys, so it is this user's
// alone, or this host's where the policy insists, and never a network's.
type admin struct {
	reload   *reloader
	recorder *keyuse.Recorder
	ready    *health.Server
}

// start serves a at the addresses of the policy until the returned function is
// called. What it does ends with ctx.
func (a *admin) start(ctx context.Context) (stop func(), err error) {
	p, log := a.reload.server.Runtime().Policy(), a.reload.log
	stopAdmin, err := serveHTTP("admin", p.Admin, adminMode, a.handler(ctx), log)
	if err != nil {
		return nil, err
	}
	stopMetrics, err := serveHTTP("metrics", p.Metrics, socketMode, a.observable(), log)
	if err != nil {
		stopAdmin()
		return nil, err
	}
	return func() { stopMetrics(); stopAdmin() }, nil
}

// observable serves what may be read by whoever may reach metrics: no secret is in
// it, and nothing can be changed by it.
func (a *admin) observable() *http.ServeMux {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(a), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", a.readyz)
	return mux
}

func (a *admin) handler(ctx context.Context) http.Handler {
	operate := http.NewServeMux()
	operate.HandleFunc("GET /config", a.config)
	operate.HandleFunc("GET /keys", a.keys)
	operate.HandleFunc("POST /keys/flush", a.flush)
	// A client that hangs up does not take back what it asked for.
	operate.HandleFunc("POST /reload", func(w http.ResponseWriter, _ *http.Request) {
		if err := a.reload.reload(ctx); err != nil {
			http.Error(w, message(err), http.StatusUnprocessableEntity)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux, observable := http.NewServeMux(), a.observable()
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		mux.Handle(path, observable)
	}
	private := strings.HasPrefix(a.reload.server.Runtime().Policy().Admin, "unix://")
	mux.Handle("/", logged(guarded(operate, private), a.reload.log))
	return mux
}

// recently is for how long /readyz goes on to say that an Envoy was refused for its stamp.
const recently = time.Minute

// readyz asks what health checks ask over gRPC. It does not ask the KMS: an
// outage there must not make a whole fleet unready while its keys are cached.
func (a *admin) readyz(w http.ResponseWriter, r *http.Request) {
	resp, err := a.ready.Check(r.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || resp.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
	if p := a.reload.server.Runtime().Policy(); p.FIPS {
		fmt.Fprintln(w, fipsState())
	}
	stamps := &a.reload.metrics.Stamps
	if stamps.Behind(recently) {
		fmt.Fprintln(w, "policy_behind: Envoy is configured for another policy, and is refused: write Envoy's configuration again and restart Envoy, or put the policy back")
	}
	if stamps.None.Load() > 0 {
		fmt.Fprintln(w, "unverified: Envoy's configuration has no stamp, so nothing here tells whether it was made for this policy")
	}
	for _, k := range a.reload.server.Runtime().Cache().Stats().Keys {
		if k.Away > 0 {
			fmt.Fprintf(w, "key %s: %s away\n", k.Key, count(k.Away, "KEK"))
		}
		if k.Store != nil && k.Store.Failing {
			fmt.Fprintf(w, "key %s: its store is unavailable, or refuses: /keys says why\n", k.Key)
		}
		if k.Doubted > 0 {
			fmt.Fprintf(w, "key %s: the KMS's last answer was unclear for %s, which stop at cache.soft\n", k.Key, count(k.Doubted, "data key"))
		}
	}
}

// config shows what is in force. Secrets come by reference, so none is in it.
func (a *admin) config(w http.ResponseWriter, _ *http.Request) {
	p := a.reload.server.Runtime().Policy()
	type route struct {
		Name     string            `json:"name"`
		Path     string            `json:"path"`
		Methods  []string          `json:"methods,omitempty"`
		Hosts    []string          `json:"hosts,omitempty"`
		Skip     bool              `json:"skip,omitempty"`
		Request  map[string]string `json:"request,omitempty"`
		Response map[string]string `json:"response,omitempty"`
	}
	out := struct {
		Policy     string   `json:"policy"`
		Listen     string   `json:"listen"`
		FIPS       string   `json:"fips,omitempty"`
		LastGood   int64    `json:"last_reload_success"`
		LastFailed bool     `json:"last_reload_failed"`
		Warnings   []string `json:"warnings,omitempty"`
		Routes     []route  `json:"routes"`
	}{Policy: p.Hash, Listen: p.Listen, LastGood: a.reload.lastGood.Load(), LastFailed: a.reload.failed.Load()}
	if p.FIPS {
		out.FIPS = "required"
	}
	for _, w := range p.Warnings {
		out.Warnings = append(out.Warnings, w.Error())
	}
	for _, r := range p.Routes {
		out.Routes = append(out.Routes, route{r.Name, r.Path, r.Methods, r.Hosts, r.Skip, rulesOf(p, r.Request), rulesOf(p, r.Response)})
	}
	writeJSON(w, out)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}
