package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy"
)

func newKeys() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Make and verify keys",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeysNew(), newKeysVerify(), newKeysPolicy(), newKeysImport(), newStoreSchema())
	return c
}

func newKeysNew() *cobra.Command {
	var uris []string
	var context map[string]string
	var record string
	c := &cobra.Command{
		Use:   "new --kek URI [--record FILE]",
		Short: "Make a KEK, or a pinned data key under KEKs that exist",
		Long: `Without --record, make a key-encryption key: a file of mode 0600 for local:PATH.
Keys of a cloud KMS are made with its own tools.

With --record, make a data key once, wrap it under every --kek, and write the
wrapped record to FILE. A policy names it as "record: ${file:FILE}"; the
deterministic suite needs one. --context must be the key's context in the policy.

  sealmesh keys new --kek local:kek
  sealmesh keys new --kek local:kek --context service=customers --record lookup.key`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if record == "" {
				return newKEK(c.OutOrStdout(), c, uris)
			}
			return newRecord(c.Context(), c.OutOrStdout(), uris, context, record)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&uris, "kek", nil, "KEK URI; may be given more than once with --record")
	f.StringToStringVar(&context, "context", nil, "encryption context of the data key, NAME=VALUE")
	f.StringVar(&record, "record", "", "write a pinned data key's record to this file")
	_ = c.MarkFlagRequired("kek")
	return c
}

func newKEK(w io.Writer, c *cobra.Command, uris []string) error {
	if len(uris) != 1 {
		return usageError{c, errors.New("make one KEK at a time")}
	}
	kind, _, _ := strings.Cut(uris[0], ":")
	if kind != "local" {
		return usageError{c, fmt.Errorf("%q: sealmesh makes local: KEKs; make a key of another kind with its own tools, then check it with 'sealmesh keys verify'", uris[0])}
	}
	path, err := local.Path(uris[0], "")
	if err != nil {
		return err
	}
	if err := local.Create(path); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s: made. Keep a copy where it is safe: what is sealed under it opens with nothing else.\n", path)
	return err
}

func newRecord(ctx context.Context, w io.Writer, uris []string, pairs map[string]string, path string) error {
	ec, err := hsm.NewEncryptionContext(pairs)
	if err != nil {
		return err
	}
	var keks []hsm.KEK
	defer func() {
		for _, k := range keks {
			if closer, ok := k.Provider.(io.Closer); ok {
				_ = closer.Close()
			}
		}
	}()
	for _, uri := range uris {
		kek, err := builtin.Open(ctx, uri, builtin.Options{})
		if err != nil {
			return err
		}
		keks = append(keks, kek)
	}
	text, err := wrapNew(ctx, keks, ec)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s: made. It is wrapped, so it may be stored with the policy; without its KEK it opens nothing.\n", path)
	return err
}

// wrapNew makes a data key with the first KEK, wraps it with the others, and
// returns its record as text.
func wrapNew(ctx context.Context, keks []hsm.KEK, ec hsm.EncryptionContext) ([]byte, error) {
	key, first, err := keks[0].Provider.GenerateDataKey(ctx, ec)
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	var r envelope.Record
	key.Expose(func(b []byte) { r.Commitment = envelope.Commitment(b) })
	for i, k := range keks {
		wrapped := first
		if i > 0 {
			if wrapped, err = k.Provider.WrapDataKey(ctx, key, ec); err != nil {
				return nil, err
			}
		}
		r.Wraps = append(r.Wraps, envelope.Wrap{Kind: k.KindID, KEK: k.Ref(), Wrapped: wrapped})
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	return envelope.AppendRecordText(nil, r), nil
}

func newKeysVerify() *cobra.Command {
	var config, output string
	c := &cobra.Command{
		Use:   "verify --config FILE",
		Short: "Prove every key of a policy, and say what its KEKs are",
		Long: `Prove every key of a policy: make a data key, wrap and unwrap it with every KEK,
seal and open a value. Then say what each KEK is.

Exit codes: 0 all proven, 3 policy invalid, 4 a KMS or HSM is unreachable or refuses.`,
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
	p, err := readPolicy(config)
	if err != nil {
		return err
	}
	recorder, err := commandRecorder(p, errOut)
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, recorder.Close(end))
	}()
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
	if err := printKeys(ctx, ring, cache.Keys(), output, w); err != nil {
		return err
	}
	return failed
}

// A verified is one line of what "keys verify" prints.
type verified struct {
	Key, KEK, Result, KeyID, Manager, Origin, Spec, State, Rotation string
	Error                                                           string `json:",omitempty"`
}

func printKeys(ctx context.Context, ring *hsm.Keyring, keys []keycache.KeyStatus, output string, w io.Writer) error {
	var lines []verified
	for _, k := range keys {
		for i, kek := range k.KEKs {
			v := verified{Key: k.Name, KEK: kek.URI, Result: "proven"}
			switch {
			case kek.Last == nil:
				v.Result = "not asked"
			case kek.Last.Err != nil:
				v.Result, v.Error = hsm.ClassOf(kek.Last.Err).String(), kek.Last.Err.Error()
			}
			if d, ok := ring.Key(k.Name).KEKs[i].Provider.(hsm.Describer); ok {
				about, err := d.Describe(ctx)
				if err != nil && v.Error == "" {
					v.Error = err.Error()
				}
				v.KeyID, v.Manager, v.Origin = about.KeyID, about.Manager, about.Origin
				v.Spec, v.State, v.Rotation = about.Spec, about.State, about.Rotation
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
	return t.Flush()
}
