package serve

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/keyset"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A generation is a key cache and the KEKs and stores that are open under it. A
// reload makes the next generation, which takes over the keys that did not
// change. Each runtime holds its generation. When the last holder releases a
// generation, it closes what no other generation uses.
type generation struct {
	cache   *keycache.Cache
	ring    *hsm.Keyring           // of all keys; resources closes them
	open    map[string]*refCounted // KEKs and store of each key, by name
	holders atomic.Int32
	retired func(*generation) // called when nobody holds the generation any more
	log     *slog.Logger
}

// refCounted is a resource that several holders share. The last one closes it.
type refCounted struct {
	holders atomic.Int32
	close   func() error
}

func newRefCounted(holders int, close func() error) *refCounted {
	r := &refCounted{close: close}
	r.holders.Store(int32(holders))
	return r
}

func (r *refCounted) release() error {
	if r.holders.Add(-1) > 0 {
		return nil
	}
	return r.close()
}

// hold keeps g open until the returned function is called.
func (g *generation) hold() (release func()) {
	g.holders.Add(1)
	return g.release
}

func (g *generation) release() {
	if g.holders.Add(-1) > 0 {
		return
	}
	g.retired(g)
	errs := []error{g.cache.Close()}
	for _, r := range g.open {
		errs = append(errs, r.release())
	}
	if err := errors.Join(errs...); err != nil {
		g.log.Error("closing keys failed", "error", err.Error())
	}
}

// keysOf returns the keys of p, the policy of g, in the order of p.
func (g *generation) keysOf(p *policy.Policy) []*hsm.Key {
	all := make([]*hsm.Key, len(p.Keys))
	for i := range p.Keys {
		all[i] = g.ring.Key(p.Keys[i].Name)
	}
	return all
}

// nextGeneration opens the keys of p that are new, changed or listed in reopen,
// and takes over the other keys from the current generation. opened lists the
// names of the former.
func (r *reloader) nextGeneration(ctx context.Context, p *policy.Policy, reopen []string) (next *generation, opened []string, err error) {
	var kept []string
	var changed []policy.Key
	for _, k := range p.Keys {
		if r.has(k) && !slices.Contains(reopen, k.Name) {
			kept = append(kept, k.Name)
			continue
		}
		opened, changed = append(opened, k.Name), append(changed, k)
	}
	opt := r.kekOptions()
	keys, err := keyset.Open(ctx, changed, opt)
	if err != nil {
		return nil, nil, err
	}
	stores, err := keyset.OpenStores(ctx, changed, opt.Dir)
	if err != nil {
		return nil, nil, errors.Join(err, keyset.Close(keys))
	}
	next = &generation{open: resources(keys, stores), log: r.log, retired: func(g *generation) { r.alive.Delete(g) }}
	if err := r.join(next, keys, stores, kept, p.FIPS); err != nil {
		return nil, nil, errors.Join(err, stores.Close(), keyset.Close(keys))
	}
	r.alive.Store(next, nil)
	return next, opened, nil
}

// resources returns what each of keys holds open. The keys share stores.
func resources(keys []*hsm.Key, stores *keyset.Stores) map[string]*refCounted {
	open := map[string]*refCounted{}
	shared := newRefCounted(len(keys), stores.Close)
	for _, key := range keys {
		open[key.Name] = newRefCounted(1, func() error { return errors.Join(shared.release(), key.Close()) })
	}
	return open
}

// join builds the keyring and the cache of next from the keys that were opened
// for it and the keys that it takes over from the current generation.
func (r *reloader) join(next *generation, opened []*hsm.Key, stores *keyset.Stores, kept []string, approved bool) error {
	all := slices.Clone(opened)
	for _, name := range kept {
		all = append(all, r.current.ring.Key(name))
	}
	var err error
	if next.ring, err = hsm.NewKeyring(all...); err != nil {
		return err
	}
	ring, err := hsm.NewKeyring(opened...)
	if err != nil {
		return err
	}
	if r.current == nil {
		next.cache, err = keycache.New(ring, keycache.Options{Recorder: r.recorder, Tracer: r.tracer, Stores: stores.ByName, Approved: approved})
	} else {
		next.cache, err = r.current.cache.Next(ring, stores.ByName, kept...)
	}
	if err != nil {
		return err
	}
	for _, name := range kept {
		resource := r.current.open[name]
		resource.holders.Add(1)
		next.open[name] = resource
	}
	return nil
}

// has reports whether the policy in force has exactly the key k.
func (r *reloader) has(k policy.Key) bool {
	if r.current == nil {
		return false
	}
	return slices.ContainsFunc(r.server.Runtime().Policy().Keys, func(old policy.Key) bool { return sameKey(old, k) })
}

func sameKey(x, y policy.Key) bool {
	return x.Name == y.Name && x.Quorum == y.Quorum && x.Use == y.Use && bytes.Equal(x.Record, y.Record) &&
		x.Store == y.Store && x.StoreRefuse == y.StoreRefuse &&
		x.Rotate == y.Rotate && x.Cache == y.Cache && reflect.DeepEqual(x.Require, y.Require) &&
		slices.Equal(x.KEKs, y.KEKs) && x.Context.Equal(y.Context)
}

// hold returns the current generation and its policy, and keeps the generation
// open until release is called.
func (r *reloader) hold() (g *generation, p *policy.Policy, release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current, r.server.Runtime().Policy(), r.current.hold()
}

// flush evicts the unwrapped data keys of the key of that name, or of all keys
// if name is empty. It includes data keys that only exchanges in flight use. It
// reports whether there was such a key.
func (r *reloader) flush(name string) (found bool) {
	for g := range r.alive.Range {
		g := g.(*generation)
		found = found || name == "" || g.ring.Key(name) != nil
		g.cache.Flush(name)
	}
	return found
}
