package serve

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/keyset"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/hsm/transit"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A reloader makes runtimes from the policy file and keeps the last good one in
// force. mu guards current and digest after the first build.
type reloader struct {
	config   string
	log      *slog.Logger
	tracer   trace.Tracer
	recorder *keyuse.Recorder
	metrics  *proxy.Metrics
	server   *proxy.Server // nil until the first runtime is built
	envoys   *envoyPlane   // gives Envoy its configuration; nil if others do
	current  *generation   // of the runtime in force
	alive    sync.Map      // *generation: current, and those that exchanges in flight use
	digest   cli.Digest    // of the files behind the runtime in force
	logins   transit.Logins

	violations atomic.Pointer[keyset.Violations] // found by the last check

	mu       sync.Mutex   // one reload at a time
	failed   atomic.Bool  // the last reload was refused
	lastGood atomic.Int64 // Unix seconds
}

// kekOptions returns the options to open a KEK. Logins are shared for the life
// of the process, so a login that was refused is not repeated by a retry or
// reload.
func (r *reloader) kekOptions() builtin.Options {
	return builtin.Options{Dir: filepath.Dir(r.config), Logins: &r.logins}
}

// build makes a runtime for p. Keys that did not change keep their data keys,
// except the keys in reopen, whose KEKs are opened again. Call accept once the
// runtime is in force.
func (r *reloader) build(ctx context.Context, p *policy.Policy, reopen ...string) (rt *proxy.Runtime, accept func(), err error) {
	g, opened, err := r.nextGeneration(ctx, p, reopen)
	if err != nil {
		return nil, nil, err
	}
	release := g.hold()
	rt, err = proxy.NewRuntime(p, g.cache, r.metrics, release)
	if err == nil && len(opened) > 0 {
		err = g.cache.Verify(ctx, opened...)
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	for _, w := range p.Warnings {
		r.log.Warn("policy", "warning", w.Error())
	}
	for _, name := range opened {
		r.reportUnavailable(g.ring.Key(name))
	}
	reportStores(g.cache, r.log)
	return rt, func() {
		r.violations.Store(new(r.lastViolations().Without(opened)))
		r.current = g
		r.lastGood.Store(time.Now().Unix())
	}, nil
}

// reportStores logs each key whose store failed its last call. Until the store
// responds, new data keys go inline or sealing stops, as the policy says.
func reportStores(c *keycache.Cache, log *slog.Logger) {
	for _, k := range c.Keys() {
		if k.Store != nil && k.Store.Err != nil {
			log.Error("the store of a key is unavailable", "key", k.Name, "error", k.Store.Err.Error())
		}
	}
}

// reload reads the policy file again. A bad file changes nothing.
func (r *reloader) reload(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.replace(ctx)
	r.failed.Store(err != nil)
	if err != nil {
		r.log.Error("reload refused: the last good policy stays in force", "error", err.Error())
	}
	return err
}

// replace puts the policy of the file in force. The caller holds r.mu.
func (r *reloader) replace(ctx context.Context) error {
	old := r.server.Runtime().Policy()
	p, digest, err := cli.LoadPolicy(r.config)
	if err != nil {
		return err
	}
	if digest == r.digest {
		return nil
	}
	if err := checkRestartOnly(old, p); err != nil {
		return err
	}
	if err := r.checkEnvoyKnows(old, p); err != nil {
		return err
	}
	rt, accept, err := r.build(ctx, p)
	if err != nil {
		return err
	}
	if r.envoys == nil {
		r.server.Swap(rt)
	} else if err := r.envoys.putInForce(ctx, rt); err != nil {
		return err
	}
	accept()
	r.digest = digest
	if gone := unprotected(old, p); len(gone) > 0 {
		r.log.Warn("the new policy protects less than the old one", "removed", gone)
	}
	r.log.Info("reloaded", "routes", len(p.Routes), "policy", p.Hash)
	return nil
}

// checkEnvoyKnows refuses new rules for requests that Envoy, as configured for
// old, may not send to sealmesh. If Envoy's configuration has a stamp, new
// rules are safe: sealmesh refuses all requests until Envoy is configured for
// p. An Envoy that sealmesh configures is told of p before it is in force.
func (r *reloader) checkEnvoyKnows(old, p *policy.Policy) error {
	gone := p.LeftOut(old)
	if len(gone) == 0 || r.envoys != nil || r.metrics.Stamps.Verified() {
		return nil
	}
	return fmt.Errorf("reload: new rules where Envoy may not call sealmesh, and Envoy's configuration has no stamp to prove that it does: %s: generate Envoy's configuration again and restart Envoy, then restart sealmesh", strings.Join(gone, ", "))
}

// checkRestartOnly refuses changes that take effect only after a restart.
func checkRestartOnly(old, p *policy.Policy) error {
	var names []string
	differs := func(name string, yes bool) {
		if yes {
			names = append(names, name)
		}
	}
	differs("listen", old.Listen != p.Listen)
	differs("listen_transport", old.Transport != p.Transport)
	differs("admin", old.Admin != p.Admin)
	differs("metrics", old.Metrics != p.Metrics)
	differs("fips", old.FIPS != p.FIPS)
	differs("tls", !sameTLS(old.TLS, p.TLS))
	was, is := old.Envoy.Fixed(), p.Envoy.Fixed()
	differs("envoy.xds", was.XDS != is.XDS)
	differs("envoy.admin", was.Admin != is.Admin)
	differs("envoy.unmediated", was.Required != is.Required)
	differs("audit", old.Audit != p.Audit)
	differs("limits.streams", old.Limits.Streams != p.Limits.Streams)
	differs("limits.buffered_bytes", proxy.Transport(old).MaxMessage != proxy.Transport(p).MaxMessage)
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("reload: a change of %s needs a restart: restart sealmesh, or undo the change", strings.Join(names, ", "))
}

func sameTLS(a, b *policy.TLS) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Cert == b.Cert && a.Key == b.Key && a.ClientCA == b.ClientCA && slices.Equal(a.Allow, b.Allow)
}
