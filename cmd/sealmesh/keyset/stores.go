package keyset

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/source"
	"github.com/sealmesh/sealmesh/keycache/store"
	"github.com/sealmesh/sealmesh/keycache/store/builtin"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Stores are the open stores of wrapped data keys that keys of a policy use.
type Stores struct {
	// ByName holds the store of each key that has one.
	ByName map[string]source.StoreOptions

	open map[string]store.Store // by URL
}

// OpenStores opens every store that keys name, once each. dir is the folder of
// the policy file. The caller closes the stores.
func OpenStores(ctx context.Context, keys []policy.Key, dir string) (*Stores, error) {
	s := &Stores{open: map[string]store.Store{}, ByName: map[string]source.StoreOptions{}}
	for _, k := range keys {
		if k.Store == "" {
			continue
		}
		if s.open[k.Store] == nil {
			opened, err := builtin.Open(ctx, k.Store, builtin.Options{Dir: dir})
			if err != nil {
				return nil, errors.Join(fmt.Errorf("key %s: %w", k.Name, storeError(err)), s.Close())
			}
			s.open[k.Store] = opened
		}
		s.ByName[k.Name] = source.StoreOptions{Store: s.open[k.Store], Refuse: k.StoreRefuse}
	}
	return s, nil
}

// storeError gives the error of a store that cannot be opened the class that an
// error of its later calls has.
func storeError(err error) error {
	class := hsm.Unavailable
	if errors.Is(err, store.ErrMisconfigured) {
		class = hsm.Misconfigured
	}
	return &hsm.Error{Class: class, Provider: "store", Operation: "open", Err: err}
}

// Close closes all stores. The cache that uses them must have been closed.
func (s *Stores) Close() error {
	var errs []error
	for _, opened := range s.open {
		errs = append(errs, opened.Close())
	}
	return errors.Join(errs...)
}
