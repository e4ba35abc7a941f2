package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// requireEvery is how often the KEKs are held against `require:` while sealmesh
// runs, give or take requireSpread.
const (
	requireEvery  = 10 * time.Minute
	requireSpread = 0.2
)

// differences are the KEKs that are not as their key requires: by key, and by URI.
type differences map[string]map[string]error

func (d differences) add(key, uri string, err error) {
	if d[key] == nil {
		d[key] = map[string]error{}
	}
	d[key][uri] = err
}

// without returns d without the keys of those names.
func (d differences) without(names []string) differences {
	rest := maps.Clone(d)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

// require holds the KEKs of opened, which belong to keys, against what those require.
// KEKs that gave no clear answer are in away.
func require(ctx context.Context, keys []policy.Key, opened []*hsm.Key) (differing, away differences) {
	differing, away = differences{}, differences{}
	for i, k := range keys {
		if k.Require == nil {
			continue
		}
		for _, kek := range opened[i].KEKs {
			switch err := kek.Require(ctx, *k.Require); {
			case err == nil:
			case hsm.ClassOf(err).Passing():
				away.add(k.Name, kek.URI, err)
			default:
				differing.add(k.Name, kek.URI, err)
			}
		}
	}
	return differing, away
}

// differences are those found when the KEKs were last asked.
func (r *reloader) differences() differences {
	if d := r.differing.Load(); d != nil {
		return *d
	}
	return nil
}

// count is how many KEKs differ.
func (d differences) count() int {
	n := 0
	for _, keks := range d {
		n += len(keks)
	}
	return n
}

// err is one error that names every difference, nil for none.
func (d differences) err() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(d)) {
		for _, uri := range slices.Sorted(maps.Keys(d[name])) {
			errs = append(errs, fmt.Errorf("key %s: %w", name, d[name][uri]))
		}
	}
	return errors.Join(errs...)
}

// checkRequirements checks the requirements of the policy in place. A
// KEK that is no longer as required is logged and counted; it goes on serving, since
// an outage is not what anybody asked for when rotation was switched off.
func (r *reloader) checkRequirements(ctx context.Context) {
	k, p, drop := r.hold()
	defer drop()
	d, away := require(ctx, p.Keys, k.of(p))
	if ctx.Err() != nil {
		return
	}
	if err := away.err(); err != nil {
		r.log.Warn("a KEK could not be held against its requirements", "error", err.Error())
	}
	if err := d.err(); err != nil {
		r.log.Error("a KEK is not what the policy requires", "error", err.Error())
	}
	r.differing.Store(&d)
}
