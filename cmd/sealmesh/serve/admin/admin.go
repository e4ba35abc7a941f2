// Package admin is the HTTP endpoint for operators of a running sealmesh:
// health, metrics, the policy in force, the state of keys, reloads and flushes.
package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/keyset"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/attachment"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/xds"
)

// An Admin serves operators. Handler can evict data keys and reload the policy,
// so only this user may reach it, or this host if the policy says so, and never
// a network. Metrics are read-only and hold no secret.
type Admin struct {
	Server   *proxy.Server
	Metrics  *proxy.Metrics
	Recorder *keyuse.Recorder
	Ready    *health.Server
	Log      *slog.Logger
	// Envoy watches what Envoy passes by sealmesh; nil if nothing does.
	Envoy *attachment.Watcher

	// Envoys returns the Envoys that get their configuration from here.
	Envoys func() []xds.Node

	// Reload reads the policy file again.
	Reload func() error
	// Flush evicts the data keys of a key, or of all keys for "". It reports
	// whether there is such a key.
	Flush func(key string) (found bool)
	// Violations returns the KEKs that are not as the policy requires.
	Violations func() keyset.Violations
	// LastReload returns when the policy in force was loaded, and whether a later
	// reload failed.
	LastReload func() (success time.Time, failed bool)
}

// ReadOnly serves /metrics, /healthz and /readyz. They reveal no secret and
// change nothing.
func (a *Admin) ReadOnly() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(a), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", a.readyz)
	return mux
}

// Handler serves everything: what ReadOnly serves, /config, /keys, /keys/flush
// and /reload. private says that only this user can connect; otherwise the
// handler also refuses requests that a web page on this host may have caused.
func (a *Admin) Handler(private bool) http.Handler {
	operate := http.NewServeMux()
	operate.HandleFunc("GET /config", a.config)
	operate.HandleFunc("GET /keys", a.keys)
	operate.HandleFunc("POST /keys/flush", a.flush)
	// A reload does not stop when the client disconnects.
	operate.HandleFunc("POST /reload", func(w http.ResponseWriter, _ *http.Request) {
		if err := a.Reload(); err != nil {
			http.Error(w, cli.Message(err), http.StatusUnprocessableEntity)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux, readOnly := http.NewServeMux(), a.ReadOnly()
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		mux.Handle(path, readOnly)
	}
	mux.Handle("/", logged(guarded(operate, private), a.Log))
	return mux
}

// policyBehindFor is how long /readyz reports policy_behind after an Envoy was
// refused for its stamp.
const policyBehindFor = time.Minute

// readyz reports the health status that the gRPC health service reports. It
// does not call the KMS: an outage there must not make a whole fleet unready
// while its keys are cached.
func (a *Admin) readyz(w http.ResponseWriter, r *http.Request) {
	resp, err := a.Ready.Check(r.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || resp.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		a.unmediated(w)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
	if p := a.Server.Runtime().Policy(); p.FIPS {
		fmt.Fprintln(w, cli.FIPSState())
	}
	a.unmediated(w)
	if a.Metrics.Stamps.Behind(policyBehindFor) {
		fmt.Fprintln(w, "policy_behind: Envoy is configured for another policy and its requests are refused: generate Envoy's configuration again and restart Envoy, or restore the policy")
	}
	if a.Metrics.Stamps.None.Load() > 0 {
		fmt.Fprintln(w, "unverified: Envoy's configuration has no stamp, so sealmesh cannot tell whether it was made for this policy")
	}
	for _, k := range a.Server.Runtime().Cache().Stats() {
		if k.Unavailable > 0 {
			fmt.Fprintf(w, "key %s: %s unavailable\n", k.Key, cli.Count(k.Unavailable, "KEK"))
		}
		if k.Store != nil && k.Store.Failing {
			fmt.Fprintf(w, "key %s: its store is unavailable or refuses; GET /keys shows why\n", k.Key)
		}
		if k.Doubted > 0 {
			fmt.Fprintf(w, "key %s: the last answer of the KMS was unclear for %s; they are used until cache.soft ends\n", k.Key, cli.Count(k.Doubted, "data key"))
		}
	}
}

// unmediated writes what Envoy may pass by sealmesh, a line each.
func (a *Admin) unmediated(w io.Writer) {
	if a.Envoy == nil {
		return
	}
	for _, what := range a.Envoy.State().Problems() {
		fmt.Fprintln(w, "unmediated:", what)
	}
}

// config shows the policy in force. A policy refers to secrets and does not
// hold them, so none is shown.
func (a *Admin) config(w http.ResponseWriter, _ *http.Request) {
	p := a.Server.Runtime().Policy()
	type route struct {
		Name     string            `json:"name"`
		Path     string            `json:"path"`
		Methods  []string          `json:"methods,omitempty"`
		Hosts    []string          `json:"hosts,omitempty"`
		Skip     bool              `json:"skip,omitempty"`
		Request  map[string]string `json:"request,omitempty"`
		Response map[string]string `json:"response,omitempty"`
	}
	success, failed := a.LastReload()
	out := struct {
		Policy     string   `json:"policy"`
		Listen     string   `json:"listen"`
		FIPS       string   `json:"fips,omitempty"`
		LastGood   int64    `json:"last_reload_success"`
		LastFailed bool     `json:"last_reload_failed"`
		Warnings   []string `json:"warnings,omitempty"`
		Routes     []route  `json:"routes"`
	}{Policy: p.Hash, Listen: p.Listen, LastGood: success.Unix(), LastFailed: failed}
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

// rulesOf returns the rules of a plan as "path": "seal tag" or "open tag". A
// path beside the body begins with the place: "headers x-ssn".
func rulesOf(p *policy.Policy, plan *policy.Plan) map[string]string {
	if plan == nil {
		return nil
	}
	out := make(map[string]string, len(plan.Rules))
	for _, r := range plan.Rules {
		op := "seal "
		if r.Open {
			op = "open "
		}
		out[r.String()] = op + p.Tags[r.Tag].Name
	}
	return out
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}
