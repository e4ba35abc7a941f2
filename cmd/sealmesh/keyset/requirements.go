package keyset

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Violations holds an error for each KEK that is not as its key requires, by
// key name and KEK URI.
type Violations map[string]map[string]error

func (v Violations) add(key, uri string, err error) {
	if v[key] == nil {
		v[key] = map[string]error{}
	}
	v[key][uri] = err
}

// Without returns a copy of v that leaves out the keys in names.
func (v Violations) Without(names []string) Violations {
	rest := maps.Clone(v)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

// Count returns the number of KEKs in v.
func (v Violations) Count() int {
	n := 0
	for _, keks := range v {
		n += len(keks)
	}
	return n
}

// Err joins all errors in v, in order of key and URI. It returns nil for none.
func (v Violations) Err() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(v)) {
		for _, uri := range slices.Sorted(maps.Keys(v[name])) {
			errs = append(errs, fmt.Errorf("key %s: %w", name, v[name][uri]))
		}
	}
	return errors.Join(errs...)
}

// Check checks the KEKs of opened against `require:` of keys; both slices have
// the same order. A KEK that is unavailable, or whose answer is unclear, is in
// unavailable and not in violations.
func Check(ctx context.Context, keys []policy.Key, opened []*hsm.Key) (violations, unavailable Violations) {
	violations, unavailable = Violations{}, Violations{}
	for i, k := range keys {
		if k.Require == nil {
			continue
		}
		for _, kek := range opened[i].KEKs {
			switch err := kek.Require(ctx, *k.Require); {
			case err == nil:
			case hsm.ClassOf(err).Passing():
				unavailable.add(k.Name, kek.URI, err)
			default:
				violations.add(k.Name, kek.URI, err)
			}
		}
	}
	return violations, unavailable
}
