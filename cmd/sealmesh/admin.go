package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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

// admin serves operators on a loopback address or a unix socket. Whoever reaches
// it may drop data keys, so it is never opened to a network.
type admin struct {
	reload   *reloader
	recorder *keyuse.Recorder
	ready    *health.Server
}

// startAdmin serves a until the returned function is called. What it does ends with
// ctx. An empty address serves nothing.
func startAdmin(ctx context.Context, addr string, a *admin, log *slog.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	if !strings.Contains(addr, "://") {
		addr = "tcp://" + addr
	}
	l, err := listen(addr)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	srv := &http.Server{
		// A page in a browser on this host may reach the port too: it may not post.
		Handler:           http.NewCrossOriginProtection().Handler(a.handler(ctx)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      time.Minute, // a reload may have to wait for a KMS
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("admin", "error", err.Error())
		}
	}()
	return func() {
		end, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(end) != nil {
			_ = srv.Close()
		}
	}, nil
}

func (a *admin) handler(ctx context.Context) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(a), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.HandleFunc("GET /config", a.config)
	mux.HandleFunc("GET /keys", a.keys)
	mux.HandleFunc("POST /keys/flush", a.flush)
	// A client that hangs up does not take back what it asked for.
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, _ *http.Request) {
		if err := a.reload.reload(ctx); err != nil {
			http.Error(w, message(err), http.StatusUnprocessableEntity)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// readyz asks what health checks ask over gRPC. It does not ask the KMS: an
// outage there must not make a whole fleet unready while its keys are cached.
func (a *admin) readyz(w http.ResponseWriter, r *http.Request) {
	resp, err := a.ready.Check(r.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || resp.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
	for _, k := range a.reload.server.Runtime().Cache().Stats().Keys {
		if k.Away > 0 {
			fmt.Fprintf(w, "key %s: %s away\n", k.Key, count(k.Away, "KEK"))
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
		LastGood   int64    `json:"last_reload_success"`
		LastFailed bool     `json:"last_reload_failed"`
		Warnings   []string `json:"warnings,omitempty"`
		Routes     []route  `json:"routes"`
	}{Policy: p.Hash, Listen: p.Listen, LastGood: a.reload.lastGood.Load(), LastFailed: a.reload.failed.Load()}
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
