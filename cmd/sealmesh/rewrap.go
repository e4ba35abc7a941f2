package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

type rewrapOptions struct {
	config, key, to, reseal, from, in, out string
	params                                 map[string]string
	drop                                   []string
	stores, dryRun, keepGoing, renew       bool
}

func (o *rewrapOptions) options() keycache.RewrapOptions {
	return keycache.RewrapOptions{Drop: o.drop, Renew: o.renew}
}

func newRewrap() *cobra.Command {
	var opt rewrapOptions
	c := &cobra.Command{
		Use:   "rewrap --config FILE [--in FILE --out FILE | --stores]",
		Short: "Move envelopes and stored records to the KEKs that a key names now",
		Long: `Read any text (NDJSON, CSV, JSON, an SQL dump), and give each envelope in it a
wrapped-key record by the KEKs that its key names in the policy now. No value is
opened, no ciphertext changes, and each data key costs one call of its old KEK and one
of each that is to wrap it. With --reseal TAG values are opened and sealed again under the
current data key of the tag; --from names the tag that they are under now, where that is another. A
tag with context_from needs --param, and a run for each record: values of others do not open.

--to by-id puts the records into the key's store, and leaves in envelopes the id of
their data key; --to inline does the reverse. Envelopes that are by id and stay so
are not touched, and neither is their record. Records in the stores of the policy's keys are
what --stores goes through, beside sealmeshes that run. It needs the right to replace
them: UPDATE (record) in PostgreSQL, UpdateItem and Scan in DynamoDB.

A KEK that is to go stays in the policy until this has run, and is named by --drop:

  sealmesh rewrap -c policy.yaml --drop awskms:///arn:…:key/old --in dump.ndjson --out new.ndjson
  sealmesh rewrap -c policy.yaml --drop awskms:///arn:…:key/old --stores

A record keeps every wrap that --drop does not name, also those by KEKs that the
policy does not name. Where several keys of one context share a store, each record
gets the KEKs of all that may own it. So run --drop once more, with the policy that
still names the old KEK, when no sealmesh names it any more.

--renew has every KEK wrap each data key again, by its newest version, as is right
after a key version of Vault, Google Cloud or Azure was rotated and before the old
version is disabled. Each new wrap is opened once before it takes the old one's place.

With --in and --out a job that was stopped, even killed, goes on where it was. One from
standard input to standard output does not: its output is not to be used. --stores is begun
again. --dry-run counts what would be done and calls no KEK.

Exit codes: 0 done, 4 a KMS, HSM or store does not answer or refuses, 5 done but for
what could not be (--keep-going).`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := opt.check(); err != nil {
				return usageError{c, err}
			}
			return rewrap(c.Context(), opt, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &opt.config)
	f := c.Flags()
	f.StringVar(&opt.key, "key", "", "key of the policy (default: its only one)")
	f.StringArrayVar(&opt.drop, "drop", nil, "KEK URI that unwraps, but is not to wrap any more")
	f.BoolVar(&opt.renew, "renew", false, "have every KEK wrap again, by its newest version")
	f.StringVar(&opt.to, "to", "", "form that envelopes take: inline or by-id (default: the one they have)")
	f.BoolVar(&opt.stores, "stores", false, "renew the records in the stores of all keys, in place of envelopes")
	f.StringVar(&opt.reseal, "reseal", "", "tag under which values are opened and sealed again")
	f.StringVar(&opt.from, "from", "", "with --reseal: tag under which values are opened (default: the same)")
	paramFlag(c, &opt.params)
	f.StringVar(&opt.in, "in", "", "read this file (default: standard input)")
	f.StringVar(&opt.out, "out", "", "write this file (default: standard output)")
	f.BoolVar(&opt.dryRun, "dry-run", false, "count, and change nothing")
	f.BoolVar(&opt.keepGoing, "keep-going", false, "leave what fails as it is, and go on")
	return c
}

// forms are the values of --to.
var forms = map[string]keycache.Form{"": keycache.AnyForm, "inline": keycache.Inline, "by-id": keycache.ByID}

func (o *rewrapOptions) check() error {
	_, known := forms[o.to]
	switch {
	case !known:
		return fmt.Errorf("--to %q: use inline or by-id", o.to)
	case o.stores && (o.in != "" || o.out != "" || o.key != "" || o.reseal != "" || o.to != ""):
		return errors.New("--stores goes with --drop, --renew, --dry-run and --keep-going only")
	case o.reseal == "" && (o.from != "" || len(o.params) > 0):
		return errors.New("--from and --param go with --reseal only")
	case o.reseal != "" && (o.renew || len(o.drop) > 0):
		return errors.New("--reseal goes with neither --drop nor --renew: a value that is sealed again takes the present data key")
	case o.reseal != "" && o.to != "":
		return errors.New("--reseal and --to do not go together: what is sealed anew takes the form that its key has")
	case (o.in == "") != (o.out == "") && !o.dryRun:
		return errors.New("--in and --out go together")
	}
	return nil
}

func rewrap(ctx context.Context, opt rewrapOptions, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	server, done, err := commandServer(ctx, opt.config, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	p, cache := server.Runtime().Policy(), server.Runtime().Cache()
	tally := newCensus()
	if opt.stores {
		return rewrapStores(ctx, opt, cache, tally, stderr)
	}
	change, err := changer(opt, p, cache, tally)
	if err != nil {
		return err
	}
	job := &rewrapJob{opt: opt, limit: tokenLimit(p), change: change, report: newProgress(stderr, "envelope")}
	err = job.run(ctx, stdin, stdout)
	if opt.dryRun && opt.reseal == "" {
		tally.print(stderr)
	}
	return err
}

// A change appends what becomes of one envelope to dst.
type change func(ctx context.Context, dst, text []byte) ([]byte, keycache.Wrapping, error)

func changer(opt rewrapOptions, p *policy.Policy, c *keycache.Cache, tally *census) (change, error) {
	if opt.reseal != "" {
		return resealer(opt, p, c)
	}
	name := opt.key
	if name == "" {
		if len(p.Keys) != 1 {
			return nil, fmt.Errorf("rewrap: the policy has %s: name one with --key", count(len(p.Keys), "key"))
		}
		name = p.Keys[0].Name
	}
	w, err := c.Rewrapper(name, forms[opt.to], opt.options())
	if err != nil {
		return nil, err
	}
	if opt.dryRun {
		tally.key = name
		return func(ctx context.Context, dst, text []byte) ([]byte, keycache.Wrapping, error) {
			s, err := w.Survey(ctx, text)
			if err == nil {
				tally.add(tally.kind(s), s.Calls)
			}
			return dst, s.What, err
		}, nil
	}
	return w.Rewrap, nil
}

func fileSize(f *os.File) int64 {
	if info, err := f.Stat(); err == nil {
		return info.Size()
	}
	return 0
}
