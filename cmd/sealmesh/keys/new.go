package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/hsm/pkcs11"
	"github.com/sealmesh/sealmesh/keycache/keks"
)

func newCommand() *cobra.Command {
	var uris []string
	var context map[string]string
	var record string
	var fips bool
	c := &cobra.Command{
		Use:   "new --kek URI [--record FILE]",
		Short: "Make a KEK, or a pinned data key under existing KEKs",
		Long: `Without --record, make a key-encryption key (KEK): for local:PATH a file of mode
0600, for a pkcs11: URI an AES-256 key that never leaves its token. Make keys of a
cloud KMS with the tools of that cloud.

With --record, make a data key once, wrap it under every --kek, and write the
wrapped record to FILE. A policy refers to it as "record: ${file:FILE}". The
deterministic suite needs such a key. --context must equal the key's context in
the policy.

  sealmesh keys new --kek local:kek
  sealmesh keys new --kek 'pkcs11:token=prod;object=kek?module-path=/…&pin-source=file:/…'
  sealmesh keys new --kek local:kek --context service=customers --record lookup.key`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cli.RequireFIPS(fips); err != nil {
				return err
			}
			if record == "" {
				return newKEK(c.Context(), c.OutOrStdout(), c, uris)
			}
			return newRecord(c.Context(), c.OutOrStdout(), uris, context, record, fips)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&uris, "kek", nil, "KEK `URI`; with --record it may be given more than once")
	f.StringToStringVar(&context, "context", nil, "encryption context of the data key, `NAME=VALUE`")
	f.StringVar(&record, "record", "", "write the record of a pinned data key to this `FILE`")
	f.BoolVar(&fips, "fips", false, "use only the FIPS module, as a policy with fips: required demands")
	_ = c.MarkFlagRequired("kek")
	return c
}

func newKEK(ctx context.Context, w io.Writer, c *cobra.Command, uris []string) error {
	if len(uris) != 1 {
		return cli.UsageError(c, errors.New("make one KEK at a time"))
	}
	made := uris[0]
	switch kind, _, _ := strings.Cut(made, ":"); kind {
	case local.Kind:
		path, err := local.Path(made, "")
		if err != nil {
			return err
		}
		if err := local.Create(path); err != nil {
			return err
		}
		made = path
	case pkcs11.Kind:
		identity, err := pkcs11.CreateKEK(ctx, made)
		if err != nil {
			return err
		}
		made = identity
	default:
		return cli.UsageError(c, fmt.Errorf("%q: sealmesh makes only local: and pkcs11: KEKs; make other keys with the tools of their service, then check them with 'sealmesh keys verify'", made))
	}
	_, err := fmt.Fprintf(w, "%s: made. Keep a copy in a safe place: nothing else opens values sealed under it.\n", made)
	return err
}

func newRecord(ctx context.Context, w io.Writer, uris []string, pairs map[string]string, path string, fips bool) error {
	ec, err := hsm.NewEncryptionContext(pairs)
	if err != nil {
		return err
	}
	var opened []hsm.KEK
	defer func() {
		for _, k := range opened {
			_ = k.Close()
		}
	}()
	for _, uri := range uris {
		kek, err := builtin.Open(ctx, uri, builtin.Options{})
		if err != nil {
			return err
		}
		opened = append(opened, kek)
		if !fips {
			continue
		}
		if err := kek.Require(ctx, hsm.Requirement{FIPS: true}); err != nil {
			return err
		}
	}
	text, err := keks.NewRecord(ctx, ec, opened...)
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
	_, err = fmt.Fprintf(w, "%s: made. The data key in it is wrapped, so the file may be stored with the policy; it opens nothing without a KEK.\n", path)
	return err
}
