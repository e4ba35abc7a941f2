package main

import (
	"context"
	"crypto/fips140"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/hsm/pkcs11"
	"github.com/sealmesh/sealmesh/keycache/keks"
)

func newKeysNew() *cobra.Command {
	var uris []string
	var context map[string]string
	var record string
	var fips bool
	c := &cobra.Command{
		Use:   "new --kek URI [--record FILE]",
		Short: "Make a KEK, or a pinned data key under KEKs that exist",
		Long: `Without --record, make a key-encryption key: a file of mode 0600 for local:PATH; an
AES-256 key that never leaves its token for a pkcs11: URI. Keys of a cloud KMS
are made with its own tools.

With --record, make a data key once, wrap it under every --kek, and write the
wrapped record to FILE. A policy names it as "record: ${file:FILE}"; the
deterministic suite needs one. --context must be the key's context in the policy.

  sealmesh keys new --kek local:kek
  sealmesh keys new --kek 'pkcs11:token=prod;object=kek?module-path=/…&pin-source=file:/…'
  sealmesh keys new --kek local:kek --context service=customers --record lookup.key`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if fips && !fips140.Enabled() {
				return errFIPSInactive
			}
			if record == "" {
				return newKEK(c.Context(), c.OutOrStdout(), c, uris)
			}
			return newRecord(c.Context(), c.OutOrStdout(), uris, context, record, fips)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&uris, "kek", nil, "KEK URI; may be given more than once with --record")
	f.StringToStringVar(&context, "context", nil, "encryption context of the data key, NAME=VALUE")
	f.StringVar(&record, "record", "", "write a pinned data key's record to this file")
	f.BoolVar(&fips, "fips", false, "make it by the FIPS module alone, as a policy with fips: required wants")
	_ = c.MarkFlagRequired("kek")
	return c
}

func newKEK(ctx context.Context, w io.Writer, c *cobra.Command, uris []string) error {
	if len(uris) != 1 {
		return usageError{c, errors.New("make one KEK at a time")}
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
		return usageError{c, fmt.Errorf("%q: sealmesh makes local: and pkcs11: KEKs; make a key of another kind with its own tools, then check it with 'sealmesh keys verify'", made)}
	}
	_, err := fmt.Fprintf(w, "%s: made. Keep a copy where it is safe: what is sealed under it opens with nothing else.\n", made)
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
	_, err = fmt.Fprintf(w, "%s: made. It is wrapped, so it may be stored with the policy; without its KEK it opens nothing.\n", path)
	return err
}
