package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// keys is a cache and what is open under it, one generation of them: a reload makes
// the next, which goes on with the keys that did not change. A runtime holds a share;
// the last one to go closes what no other generation uses.
type keys struct {
	reload *reloader
	cache  *keycache.Cache
	ring   *hsm.Keyring      // of all keys; their leases close them
	leases map[string]*lease // by key
	shares atomic.Int32
}

// A lease is something open that several hold: the last one to drop it closes it.
type lease struct {
	holders atomic.Int32
	close   func() error
}

func (l *lease) drop() error {
	if l.holders.Add(-1) > 0 {
		return nil
	}
	return l.close()
}

func (k *keys) share() func() {
	k.shares.Add(1)
	return k.drop
}

func (k *keys) drop() {
	if k.shares.Add(-1) > 0 {
		return
	}
	k.reload.alive.Delete(k)
	errs := []error{k.cache.Close()}
	for _, l := range k.leases {
		errs = append(errs, l.drop())
	}
	if err := errors.Join(errs...); err != nil {
		k.reload.log.Error("closing keys", "error", err.Error())
	}
}

// opening is what opening a KEK needs, for as long as the process runs: a KEK that is
// tried again, or that a reload opens, logs in by what is known of logins.
func (r *reloader) opening() builtin.Options {
	return builtin.Options{Dir: filepath.Dir(r.config), Logins: &r.logins}
}

// open makes the keys of p: those that it names anew, and of the keys in place those
// that are the same and are not to be renewed. fresh names the former.
func (r *reloader) open(ctx context.Context, p *policy.Policy, renew []string) (next *keys, fresh []string, err error) {
	var kept []string
	var changed []policy.Key
	for _, k := range p.Keys {
		if r.keeps(k) && !slices.Contains(renew, k.Name) {
			kept = append(kept, k.Name)
			continue
		}
		fresh, changed = append(fresh, k.Name), append(changed, k)
	}
	opening := r.opening()
	opened, err := openKeys(ctx, changed, opening)
	if err != nil {
		return nil, nil, err
	}
	if err := r.allThere(opened); err != nil {
		return nil, nil, errors.Join(err, closeKeys(opened))
	}
	stores, err := openStores(ctx, &policy.Policy{Keys: changed}, opening.Dir)
	if err != nil {
		return nil, nil, errors.Join(err, closeKeys(opened))
	}
	next = &keys{reload: r, leases: lend(opened, stores)}
	if err := r.join(next, opened, stores, kept, p.FIPS); err != nil {
		return nil, nil, errors.Join(err, stores.Close(), closeKeys(opened))
	}
	r.alive.Store(next, nil)
	return next, fresh, nil
}

// lend makes the leases of keys that were opened together, with their stores.
func lend(opened []*hsm.Key, stores *stores) map[string]*lease {
	leases := map[string]*lease{}
	lot := &lease{close: stores.Close}
	lot.holders.Store(int32(len(opened)))
	for _, key := range opened {
		l := &lease{close: func() error { return errors.Join(lot.drop(), key.Close()) }}
		l.holders.Store(1)
		leases[key.Name] = l
	}
	return leases
}

// join gives next its ring and its cache, of what was opened and what is kept.
func (r *reloader) join(next *keys, opened []*hsm.Key, stores *stores, kept []string, approved bool) error {
	all := slices.Clone(opened)
	for _, name := range kept {
		all = append(all, r.keys.ring.Key(name))
	}
	var err error
	if next.ring, err = hsm.NewKeyring(all...); err != nil {
		return err
	}
	ring, err := hsm.NewKeyring(opened...)
	if err != nil {
		return err
	}
	if r.keys == nil {
		next.cache, err = keycache.New(ring, keycache.Options{Recorder: r.recorder, Tracer: r.tracer, Stores: stores.byName, Approved: approved})
	} else {
		next.cache, err = r.keys.cache.Next(ring, stores.byName, kept...)
	}
	if err != nil {
		return err
	}
	for _, name := range kept {
		l := r.keys.leases[name]
		l.holders.Add(1)
		next.leases[name] = l
	}
	return nil
}

// allThere refuses keys with a KEK away where nobody waits for it to come back: a
// command that rewraps would leave it out.
func (r *reloader) allThere(opened []*hsm.Key) error {
	for _, key := range opened {
		if r.unproven && len(key.Unavailable) > 0 {
			return fmt.Errorf("key %s: %w", key.Name, key.Unavailable[0].Err)
		}
	}
	return nil
}

// keeps reports whether the keys in place have k, just so.
func (r *reloader) keeps(k policy.Key) bool {
	if r.keys == nil {
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

// hold returns the keys in place, and keeps them open until drop is called.
func (r *reloader) hold() (k *keys, p *policy.Policy, drop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys, r.server.Runtime().Policy(), r.keys.share()
}

// of returns the keys of p, whose generation k is, in its order.
func (k *keys) of(p *policy.Policy) []*hsm.Key {
	all := make([]*hsm.Key, len(p.Keys))
	for i := range p.Keys {
		all[i] = k.ring.Key(p.Keys[i].Name)
	}
	return all
}

// flush drops the unwrapped data keys of the key of that name, or of all, also those
// that only an exchange in flight still uses. It reports whether there was such a key.
func (r *reloader) flush(name string) (found bool) {
	for k := range r.alive.Range {
		keys := k.(*keys)
		found = found || name == "" || keys.ring.Key(name) != nil
		keys.cache.Flush(name)
	}
	return found
}
