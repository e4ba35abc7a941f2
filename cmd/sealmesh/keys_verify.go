package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/hsm/transit"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

func newKeysVerify() *cobra.Command {
	var config, output string
	c := &cobra.Command{
		Use:   "verify --config FILE",
		Short: "Prove every key of a policy, and say what its KEKs are",
		Long: `Prove every key of a policy: make a data key, wrap and unwrap it with every KEK,
seal and open a value. Then say what each KEK is, and where that is not what
the policy requires. Of an alias, the keys that former= names are listed too. A
store that does not answer is a failure here, though sealmesh would start.

Exit codes: 0 all proven and as required, 3 policy invalid, 4 a KMS or HSM is
unreachable or refuses, 5 all proven, but not all as required.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return usageError{c, fmt.Errorf("--output %q: use table or json", output)}
			}
			return verifyKeys(c.Context(), config, output, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &config)
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return c
}

func verifyKeys(ctx context.Context, config, output string, w, errOut io.Writer) (err error) {
	p, recorder, done, err := commandSetup(ctx, config, errOut)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	dir := filepath.Dir(config)
	opened := openEach(ctx, p.Keys, builtin.Options{Dir: dir, Logins: new(transit.Logins)})
	defer func() { err = errors.Join(err, closeKeys(opened)) }()
	stores, err := openStores(ctx, p, dir)
	if err != nil {
		return err
	}
	defer stores.Close()
	status, failed := proveKeys(ctx, p, opened, keycache.Options{Recorder: recorder, Stores: stores.byName, Approved: p.FIPS})
	differing, away := require(ctx, p.Keys, opened)
	if err := printKeys(ctx, opened, status, differing, output, w); err != nil {
		return err
	}
	if err := errors.Join(failed, away.err(), storeFailures(status)); err != nil {
		return err
	}
	if n := differing.count(); n > 0 {
		return fmt.Errorf("%w: %s not as the policy requires", errFindings, count(n, "KEK"))
	}
	return nil
}

// storeFailures joins what the keys' stores answered last, where that was no answer
// or a refusal.
func storeFailures(status []keycache.KeyStatus) error {
	var errs []error
	for _, k := range status {
		if k.Store != nil && k.Store.Err != nil {
			errs = append(errs, fmt.Errorf("key %s: %w", k.Name, k.Store.Err))
		}
	}
	return errors.Join(errs...)
}

// proveKeys proves the keys that have KEKs enough, by what seals and opens with them.
// The error tells of every KEK that could not be opened, and of every key that failed.
func proveKeys(ctx context.Context, p *policy.Policy, opened []*hsm.Key, opt keycache.Options) ([]keycache.KeyStatus, error) {
	var errs []error
	var enough []*hsm.Key
	for _, key := range opened {
		for _, a := range key.Unavailable {
			errs = append(errs, fmt.Errorf("key %s: %w", key.Name, a.Err))
		}
		if len(key.KEKs) >= needed(key) {
			enough = append(enough, key)
		}
	}
	ring, err := hsm.NewKeyring(enough...)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	cache, err := keycache.New(ring, opt)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	defer cache.Close()
	for _, t := range p.Tags { // so that the suites of tags are proven
		if ring.Key(t.Key) != nil {
			if _, err := cache.Tag(t.Name, t.Key, t.Suite, t.Context); err != nil {
				errs = append(errs, err)
			}
		}
	}
	errs = append(errs, cache.Verify(ctx))
	return cache.Keys(), errors.Join(errs...)
}

// A verified is one line of what "keys verify" prints.
type verified struct {
	Key, KEK, Result, KeyID, Manager, Origin, Spec, State, Rotation string

	Error       string `json:",omitempty"`
	NotRequired string `json:",omitempty"` // how it is not as required

	failed error // of describing it
}

func printKeys(ctx context.Context, keys []*hsm.Key, status []keycache.KeyStatus, differing differences, output string, w io.Writer) error {
	var lines []verified
	for _, k := range keys {
		for _, kek := range k.KEKs {
			v := verify(ctx, k.Name, kek, lastOf(status, k.Name, kek.URI))
			if err := differing[k.Name][kek.URI]; err != nil {
				v.NotRequired = err.Error()
			}
			lines = append(lines, v)
		}
		for _, kek := range k.Unwrapping()[len(k.KEKs):] {
			lines = append(lines, verifyFormer(ctx, k.Name, kek))
		}
		for _, a := range k.Unavailable {
			lines = append(lines, verified{Key: k.Name, KEK: a.URI, Result: hsm.ClassOf(a.Err).String(), Error: a.Err.Error()})
		}
	}
	if output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(lines)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KEY\tKEK\tRESULT\tMANAGER\tORIGIN\tSPEC\tSTATE\tROTATION")
	for _, v := range lines {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.Key, v.KEK, v.Result, v.Manager, v.Origin, v.Spec, v.State, v.Rotation)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, v := range lines {
		if v.NotRequired != "" {
			fmt.Fprintf(w, "key %s: %s\n", v.Key, v.NotRequired)
		}
	}
	return nil
}

// lastOf returns how the last call of a KEK ended, nil where it was not asked.
func lastOf(status []keycache.KeyStatus, key, uri string) *calls.Last {
	for _, k := range status {
		for _, kek := range k.KEKs {
			if k.Name == key && kek.URI == uri {
				return kek.Last
			}
		}
	}
	return nil
}

// verify says how a KEK was proven, and what it is.
func verify(ctx context.Context, key string, kek hsm.KEK, last *calls.Last) verified {
	v := verified{Key: key, KEK: kek.URI, Result: "proven"}
	switch {
	case last == nil:
		v.Result = "not asked"
	case last.Err != nil:
		v.Result, v.Error = hsm.ClassOf(last.Err).String(), last.Err.Error()
	}
	if d, ok := kek.Provider.(hsm.Describer); ok {
		about, err := d.Describe(ctx)
		v.failed = err
		if err != nil && v.Error == "" {
			v.Error = err.Error()
		}
		v.KeyID, v.Manager, v.Origin = about.KeyID, about.Manager, about.Origin
		v.Spec, v.State, v.Rotation = about.Spec, about.State, about.Rotation
	}
	return v
}
