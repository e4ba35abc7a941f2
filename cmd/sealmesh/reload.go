package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
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

	differing atomic.Int64 // KEKs that were not as required when last asked

	mu       sync.Mutex   // one reload at a time
	failed   atomic.Bool  // the last reload did not take
	lastGood atomic.Int64 // Unix seconds
}

// keys is a cache and the providers under it. A runtime holds a share; the last
// one to go closes both.
type keys struct {
	cache  *keycache.Cache
	ring   *hsm.Keyring
	stores *stores
	shares atomic.Int32
	log    *slog.Logger
}

func (k *keys) share() func() {
	k.shares.Add(1)
	return k.drop
}

func (k *keys) drop() {
	if k.shares.Add(-1) > 0 {
		return
	}
	if err := errors.Join(k.cache.Close(), k.stores.Close(), k.ring.Close()); err != nil {
		k.log.Error("closing keys", "error", err.Error())
	}
}

// build makes a runtime for p. It goes on with the present data keys where the
// policy's keys are the same.
func (r *reloader) build(ctx context.Context, p *policy.Policy) (*proxy.Runtime, error) {
	for _, w := range p.Warnings {
		r.log.Warn("policy", "warning", w.Error())
	}
	k, fresh := r.keys, false
	if k == nil || !sameKeys(r.server.Runtime().Policy(), p) {
		var err error
		if k, err = r.open(ctx, p); err != nil {
			return nil, err
		}
		fresh = true
	}
	drop := k.share()
	rt, err := proxy.NewRuntime(p, k.cache, r.metrics, drop)
	if err == nil && fresh && !r.unproven {
		err = k.cache.Verify(ctx)
	}
	if err != nil {
		drop()
		return nil, err
	}
	r.keys = k
	r.lastGood.Store(time.Now().Unix())
	r.failed.Store(false)
	return rt, nil
}

func (r *reloader) open(ctx context.Context, p *policy.Policy) (*keys, error) {
	ring, err := openKeyring(ctx, p, filepath.Dir(r.config))
	if err != nil {
		return nil, err
	}
	stores, err := openStores(ctx, p, filepath.Dir(r.config))
	if err != nil {
		return nil, errors.Join(err, ring.Close())
	}
	cache, err := keycache.New(ring, keycache.Options{Recorder: r.recorder, Tracer: r.tracer, Stores: stores.byName})
	if err != nil {
		return nil, errors.Join(err, stores.Close(), ring.Close())
	}
	return &keys{cache: cache, ring: ring, stores: stores, log: r.log}, nil
}

// reload reads the file again. A file that is not good changes nothing.
func (r *reloader) reload(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.server.Runtime()
	p, err := readPolicy(r.config)
	if err == nil && p.Hash == old.Policy().Hash {
		return nil
	}
	if err == nil {
		err = fixed(old.Policy(), p)
	}
	var rt *proxy.Runtime
	if err == nil {
		rt, err = r.build(ctx, p)
	}
	if err != nil {
		r.failed.Store(true)
		r.log.Error("reload refused, the last good policy stays", "error", err.Error())
		return err
	}
	r.server.Swap(rt)
	r.log.Info("reloaded", "routes", len(p.Routes), "policy", p.Hash)
	return nil
}

// fixed refuses changes that need a restart.
func fixed(old, p *policy.Policy) error {
	if old.Listen != p.Listen || old.Admin != p.Admin || old.Audit != p.Audit {
		return fmt.Errorf("listen, admin and audit need a restart: put them back, or restart sealmesh")
	}
	return nil
}

// watch reloads on SIGHUP and when the file changes, until ctx ends. It watches
// the folder, since editors and ConfigMaps replace files rather than write them.
func (r *reloader) watch(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	var events chan fsnotify.Event
	w, err := fsnotify.NewWatcher()
	if err == nil {
		defer w.Close()
		err = w.Add(filepath.Dir(r.config))
		events = w.Events
	}
	if err != nil {
		r.log.Warn("the policy file is not watched; SIGHUP still reloads it", "error", err.Error())
	}
	// A change comes as several events: wait until they have settled.
	settle := time.NewTimer(0)
	settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			_ = r.reload(ctx)
		case <-events:
			settle.Reset(200 * time.Millisecond)
		case <-settle.C:
			_ = r.reload(ctx)
		}
	}
}
