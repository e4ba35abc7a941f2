package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/store"
	"github.com/sealmesh/sealmesh/keycache/store/builtin"
	"github.com/sealmesh/sealmesh/keycache/store/postgres"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// stores are the open key stores of a policy: by URL, and by key as the cache wants them.
type stores struct {
	open   map[string]store.Store
	byName map[string]keycache.Storing
}

// openStores opens every store that p names, once each. dir is the policy file's folder.
func openStores(ctx context.Context, p *policy.Policy, dir string) (*stores, error) {
	s := &stores{open: map[string]store.Store{}, byName: map[string]keycache.Storing{}}
	for _, k := range p.Keys {
		if k.Store == "" {
			continue
		}
		if s.open[k.Store] == nil {
			opened, err := builtin.Open(ctx, k.Store, builtin.Options{Dir: dir})
			if err != nil {
				return nil, errors.Join(fmt.Errorf("key %s: %w", k.Name, storeFailure(err)), s.Close())
			}
			s.open[k.Store] = opened
		}
		s.byName[k.Name] = keycache.Storing{Store: s.open[k.Store], Refuse: k.StoreRefuse}
	}
	return s, nil
}

// storeFailure gives a store that does not open the class that it would have when
// asked: what is wrong with a store is wrong with its keys.
func storeFailure(err error) error {
	class := hsm.Unavailable
	if errors.Is(err, store.ErrMisconfigured) {
		class = hsm.Misconfigured
	}
	return &hsm.Error{Class: class, Provider: "store", Operation: "open", Err: err}
}

// reportStores logs each key whose store answered its last call with a failure:
// until the store answers, new data keys go inline, or sealing stops.
func (r *reloader) reportStores(c *keycache.Cache) {
	for _, k := range c.Keys() {
		if k.Store != nil && k.Store.Err != nil {
			r.log.Error("the store of a key is unavailable", "key", k.Name, "error", k.Store.Err.Error())
		}
	}
}

// Close closes them all. The cache must have been closed.
func (s *stores) Close() error {
	var errs []error
	for _, opened := range s.open {
		errs = append(errs, opened.Close())
	}
	return errors.Join(errs...)
}

func newStoreSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "store-schema",
		Short: "Print the SQL that makes the table of a postgres store",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(c.OutOrStdout(), postgres.Schema)
			return err
		},
	}
}
