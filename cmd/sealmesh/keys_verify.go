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
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy"
)

func newKeysVerify() *cobra.Command {
	var config, output string
	c := &cobra.Command{
		Use:   "verify --config FILE",
		Short: "Prove every key of a policy, and say what its KEKs are",
		Long: `Prove every key of a policy: make a data key, wrap and unwrap it with every KEK,
seal and open a value. Then say what each KEK is, and where that is not what
the policy requires.

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
	ring, err := openKeyring(ctx, p, filepath.Dir(config))
	if err != nil {
		return err
	}
	defer ring.Close()
	stores, err := openStores(ctx, p, filepath.Dir(config))
	if err != nil {
		return err
	}
	defer stores.Close()
	cache, err := keycache.New(ring, keycache.Options{Recorder: recorder, Stores: stores.byName})
	if err != nil {
		return err
	}
	defer cache.Close()
	rt, err := proxy.NewRuntime(p, cache, new(proxy.Metrics), nil)
	if err != nil {
		return err
	}
	failed := rt.Cache().Verify(ctx)
	differing, away := require(ctx, p, ring)
	if err := printKeys(ctx, ring, cache.Keys(), differing, output, w); err != nil {
		return err
	}
	if err := errors.Join(failed, away); err != nil {
		return err
	}
	if n := differing.count(); n > 0 {
		return fmt.Errorf("%w: %s not as the policy requires", errFindings, count(n, "KEK"))
	}
	return nil
}

// A verified is one line of what "keys verify" prints.
type verified struct {
	Key, KEK, Result, KeyID, Manager, Origin, Spec, State, Rotation string

	Error       string `json:",omitempty"`
	NotRequired string `json:",omitempty"` // how it is not as required
}

func printKeys(ctx context.Context, ring *hsm.Keyring, keys []keycache.KeyStatus, differing differences, output string, w io.Writer) error {
	var lines []verified
	for _, k := range keys {
		for i, kek := range k.KEKs {
			v := verify(ctx, k.Name, kek, ring.Key(k.Name).KEKs[i].Provider)
			if err := differing[k.Name][kek.URI]; err != nil {
				v.NotRequired = err.Error()
			}
			lines = append(lines, v)
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

// verify says how a KEK was proven, and what it is.
func verify(ctx context.Context, key string, kek keycache.KEKStatus, provider hsm.Provider) verified {
	v := verified{Key: key, KEK: kek.URI, Result: "proven"}
	switch {
	case kek.Last == nil:
		v.Result = "not asked"
	case kek.Last.Err != nil:
		v.Result, v.Error = hsm.ClassOf(kek.Last.Err).String(), kek.Last.Err.Error()
	}
	if d, ok := provider.(hsm.Describer); ok {
		about, err := d.Describe(ctx)
		if err != nil && v.Error == "" {
			v.Error = err.Error()
		}
		v.KeyID, v.Manager, v.Origin = about.KeyID, about.Manager, about.Origin
		v.Spec, v.State, v.Rotation = about.Spec, about.State, about.Rotation
	}
	return v
}
