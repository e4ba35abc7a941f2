package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

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

// open opens what the keys of p need. A KEK that is not as required is an error.
func (r *reloader) open(ctx context.Context, p *policy.Policy) (*keys, error) {
	ring, err := openKeyring(ctx, p, filepath.Dir(r.config))
	if err != nil {
		return nil, err
	}
	differing, away := require(ctx, p, ring)
	if err := errors.Join(differing.err(), away); err != nil {
		return nil, errors.Join(err, ring.Close())
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

// hold returns the keys in place, and keeps them open until drop is called.
func (r *reloader) hold() (k *keys, p *policy.Policy, drop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys, r.server.Runtime().Policy(), r.keys.share()
}
