package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/keyset"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/hsm/transit"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

func verifyCommand() *cobra.Command {
	var config, output string
	c := &cobra.Command{
		Use:   "verify --config FILE",
		Short: "Verify every key of a policy, and describe its KEKs",
		Long: `Verify every key of a policy: generate a data key, wrap and unwrap it with every
KEK, then seal and open a value. Then describe each KEK and report where it is not
as the policy requires. For an alias, also list the keys that former= names. An
unavailable store is a failure here, although "sealmesh serve" would start.

Exit codes: 0 all keys verified and as required, 3 policy invalid, 4 a KMS, HSM or
store is unavailable or refuses, 5 all keys verified, but not all as required.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return cli.UsageError(c, fmt.Errorf("--output %q: use table or json", output))
			}
			return verifyKeys(c.Context(), config, output, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	cli.ConfigFlag(c, &config)
	c.Flags().StringVarP(&output, "output", "o", "table", "output `FORMAT`: table or json")
	return c
}

func verifyKeys(ctx context.Context, config, output string, w, errOut io.Writer) (err error) {
	p, recorder, done, err := cli.Setup(ctx, config, errOut)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	dir := filepath.Dir(config)
	opened := keyset.OpenAll(ctx, p.Keys, builtin.Options{Dir: dir, Logins: new(transit.Logins)})
	defer func() { err = errors.Join(err, keyset.Close(opened)) }()
	stores, err := keyset.OpenStores(ctx, p.Keys, dir)
	if err != nil {
		return err
	}
	defer stores.Close()
	status, failed := verifyAll(ctx, p, opened, keycache.Options{Recorder: recorder, Stores: stores.ByName, Approved: p.FIPS})
	violations, unavailable := keyset.Check(ctx, p.Keys, opened)
	if err := printKeys(ctx, opened, status, violations, output, w); err != nil {
		return err
	}
	if err := errors.Join(failed, unavailable.Err(), storeFailures(status)); err != nil {
		return err
	}
	if n := violations.Count(); n > 0 {
		return fmt.Errorf("%w: %s not as the policy requires", cli.ErrFindings, cli.Count(n, "KEK"))
	}
	return nil
}

// storeFailures joins the errors of the keys' stores whose last call failed.
func storeFailures(status []keycache.KeyStatus) error {
	var errs []error
	for _, k := range status {
		if k.Store != nil && k.Store.Err != nil {
			errs = append(errs, fmt.Errorf("key %s: %w", k.Name, k.Store.Err))
		}
	}
	return errors.Join(errs...)
}

// verifyAll verifies the keys that have enough open KEKs, and returns their
// state. The error names every KEK that could not be opened and every key that
// failed.
func verifyAll(ctx context.Context, p *policy.Policy, opened []*hsm.Key, opt keycache.Options) ([]keycache.KeyStatus, error) {
	var errs []error
	var enough []*hsm.Key
	for _, key := range opened {
		for _, a := range key.Unavailable {
			errs = append(errs, fmt.Errorf("key %s: %w", key.Name, a.Err))
		}
		if keyset.Enough(key) {
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
	for _, t := range p.Tags { // verifies the suites that the tags use
		if ring.Key(t.Key) != nil {
			if _, err := cache.Tag(t.Name, t.Key, t.Suite, t.Context); err != nil {
				errs = append(errs, err)
			}
		}
	}
	errs = append(errs, cache.Verify(ctx))
	return cache.Keys(), errors.Join(errs...)
}

// verified is one line of the output of "keys verify".
type verified struct {
	Key, KEK, Result, KeyID, Manager, Origin, Spec, State, Rotation string

	Error     string `json:",omitempty"`
	Violation string `json:",omitempty"` // how the KEK differs from require:

	failed error // of Describe
}

func printKeys(ctx context.Context, keys []*hsm.Key, status []keycache.KeyStatus, violations keyset.Violations, output string, w io.Writer) error {
	var lines []verified
	for _, k := range keys {
		for _, kek := range k.KEKs {
			v := verify(ctx, k.Name, kek, lastOf(status, k.Name, kek.URI))
			if err := violations[k.Name][kek.URI]; err != nil {
				v.Violation = err.Error()
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
		if v.Violation != "" {
			fmt.Fprintf(w, "key %s: %s\n", v.Key, v.Violation)
		}
	}
	return nil
}

// lastOf returns the last call of a KEK, nil if it was not called.
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

// verify describes a KEK, whose last call was last.
func verify(ctx context.Context, key string, kek hsm.KEK, last *calls.Last) verified {
	v := verified{Key: key, KEK: kek.URI, Result: "verified"}
	switch {
	case last == nil:
		v.Result = "not called"
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

// verifyFormer describes a former target of an alias. A disabled former target
// is not a failure: opening what it wrapped is then denied.
func verifyFormer(ctx context.Context, key string, kek hsm.KEK) verified {
	v := verify(ctx, key, kek, nil)
	v.Result = "former target"
	if v.failed != nil {
		v.Result = "former target, " + hsm.ClassOf(v.failed).String()
	}
	return v
}
