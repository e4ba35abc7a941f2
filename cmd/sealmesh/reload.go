package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/hsm/transit"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A reloader makes runtimes from the policy file, and keeps the last good one in
// place.
type reloader struct {
	config   string
	log      *slog.Logger
	tracer   trace.Tracer
	recorder *keyuse.Recorder
	metrics  *proxy.Metrics
	unproven bool          // use keys without proving them first
	server   *proxy.Server // nil until the first runtime is built
	keys     *keys         // of the runtime in place
	alive    sync.Map      // *keys: of that, and of those that an exchange in flight still uses
	sum      sum           // of what the runtime in place was made from
	logins   transit.Logins

	differing atomic.Pointer[differences] // KEKs that were not as required when last asked

	mu       sync.Mutex   // one reload at a time
	failed   atomic.Bool  // the last reload did not take
	lastGood atomic.Int64 // Unix seconds
}

// build makes a runtime for p. It goes on with the data keys of those keys that are the
// same, except of those that renew names.
func (r *reloader) build(ctx context.Context, p *policy.Policy, renew ...string) (*proxy.Runtime, error) {
	k, fresh, err := r.open(ctx, p, renew)
	if err != nil {
		return nil, err
	}
	drop := k.share()
	rt, err := proxy.NewRuntime(p, k.cache, r.metrics, drop)
	if err == nil && len(fresh) > 0 && !r.unproven {
		err = k.cache.Verify(ctx, fresh...)
	}
	if err != nil {
		drop()
		return nil, err
	}
	for _, w := range p.Warnings {
		r.log.Warn("policy", "warning", w.Error())
	}
	for _, name := range fresh {
		r.reportAway(k.ring.Key(name))
	}
	r.reportStores(k.cache)
	r.differing.Store(new(r.differences().without(fresh)))
	r.keys = k
	r.lastGood.Store(time.Now().Unix())
	return rt, nil
}

// reload reads the file again. A file that is not good changes nothing.
func (r *reloader) reload(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.replace(ctx)
	r.failed.Store(err != nil)
	if err != nil {
		r.log.Error("reload refused, the last good policy stays", "error", err.Error())
	}
	return err
}

// replace puts the policy of the file in place of the one that is there.
func (r *reloader) replace(ctx context.Context) error {
	old := r.server.Runtime().Policy()
	p, sum, err := loadPolicy(r.config)
	if err != nil {
		return err
	}
	if sum == r.sum {
		return nil
	}
	if err := fixed(old, p); err != nil {
		return err
	}
	if err := r.known(old, p); err != nil {
		return err
	}
	rt, err := r.build(ctx, p)
	if err != nil {
		return err
	}
	r.server.Swap(rt)
	r.sum = sum
	if gone := unprotected(old, p); len(gone) > 0 {
		r.log.Warn("the new policy protects less than the last one", "removed", gone)
	}
	r.log.Info("reloaded", "routes", len(p.Routes), "policy", p.Hash)
	return nil
}

// known refuses rules for requests that an Envoy may leave out, by what it was told of old. Where Envoy's
// configuration has a stamp, all that reaches sealmesh is refused until Envoy knows p; without one
// nobody would notice.
func (r *reloader) known(old, p *policy.Policy) error {
	gone := p.LeftOut(old)
	if len(gone) == 0 || r.metrics.Stamps.Verified() {
		return nil
	}
	return fmt.Errorf("reload: rules were added where Envoy may not ask sealmesh, and no stamp shows that it does: %s: write Envoy's configuration again and restart Envoy, then restart sealmesh", strings.Join(gone, ", "))
}

// fixed refuses changes that need a restart.
func fixed(old, p *policy.Policy) error {
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
	differs("audit", old.Audit != p.Audit)
	differs("limits.streams", old.Limits.Streams != p.Limits.Streams)
	differs("limits.buffered_bytes", proxy.Transport(old).MaxMessage != proxy.Transport(p).MaxMessage)
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("reload: a change of %s takes a restart: put it back, or restart sealmesh", strings.Join(names, ", "))
}

func sameTLS(a, b *policy.TLS) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Cert == b.Cert && a.Key == b.Key && a.ClientCA == b.ClientCA && slices.Equal(a.Allow, b.Allow)
}
