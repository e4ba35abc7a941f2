// Package rewrap implements "sealmesh rewrap": it replaces the wrapped-key
// records of envelopes and stores.
package rewrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/rewrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// options are the flags of the command.
type options struct {
	config, key, to, reseal, from, in, out string
	params                                 map[string]string
	drop                                   []string
	stores, dryRun, keepGoing, renew       bool
}

func (o *options) forCache() rewrap.Options {
	return rewrap.Options{Drop: o.drop, Renew: o.renew}
}

const help = `Read any text (NDJSON, CSV, JSON, an SQL dump) and give each envelope in it a
wrapped-key record by the KEKs that its key names in the policy now. Values are not
opened and ciphertext does not change. Each data key costs one call to its old KEK
and one call to each KEK that wraps it. Do not give it a binary format such as
protobuf: the lengths in front of changed envelopes would be wrong.

Which records change:

  (default)   the records inside envelopes; an envelope that refers to its record by
              id is not changed, and neither is that record
  --to by-id  records move into the key's store; envelopes keep only the id
  --to inline the reverse
  --stores    the records in the stores of all keys, while sealmesh serves; this
              needs the right to replace records: UPDATE (record) in PostgreSQL,
              UpdateItem and Scan in DynamoDB

To remove a KEK, keep it in the policy until this command has run, and name it with
--drop:

  sealmesh rewrap -c policy.yaml --drop awskms:///arn:…:key/old --in dump.ndjson --out new.ndjson
  sealmesh rewrap -c policy.yaml --drop awskms:///arn:…:key/old --stores

A record keeps every wrap that --drop does not name, even if the policy does not
name its KEK. If several keys of one context share a store, each record gets the
KEKs of every key that may own it. So run --drop once more, with the policy that
still names the old KEK, when no running sealmesh names that KEK.

--renew wraps each data key again with the newest version of every KEK. Use it
after a key version of Vault, Google Cloud or Azure was rotated and before the old
version is disabled. Each new wrap is opened once before it replaces the old one.

--reseal TAG opens each value and seals it again under the tag's current data key.
If values are sealed under another tag now, name that tag with --from. A tag with
context_from needs --param and one run per record: values of other records do not
open.

With --in and --out an interrupted job resumes, even after a kill. A job from
standard input to standard output cannot resume; discard its output. --stores starts
again from the beginning. --dry-run counts what would change and calls no KEK.

Exit codes: 0 done, 4 a KMS, HSM or store is unavailable or refuses, 5 done, but some
envelopes or records failed and were not changed (--keep-going).`

// Command returns "sealmesh rewrap".
func Command() *cobra.Command {
	var opt options
	c := &cobra.Command{
		Use:   "rewrap --config FILE [--in FILE --out FILE | --stores]",
		Short: "Move envelopes and stored records to the current KEKs of a key",
		Long:  help,
		Args:  cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := opt.check(); err != nil {
				return cli.UsageError(c, err)
			}
			return run(c.Context(), opt, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	cli.ConfigFlag(c, &opt.config)
	f := c.Flags()
	f.StringVar(&opt.key, "key", "", "`KEY` of the policy (default: its only key)")
	f.StringArrayVar(&opt.drop, "drop", nil, "`URI` of a KEK that still unwraps but must not wrap any more")
	f.BoolVar(&opt.renew, "renew", false, "wrap again with the newest version of every KEK")
	f.StringVar(&opt.to, "to", "", "`FORM` of key reference in envelopes: inline or by-id (default: unchanged)")
	f.BoolVar(&opt.stores, "stores", false, "rewrap the records in the stores of all keys instead of envelopes")
	f.StringVar(&opt.reseal, "reseal", "", "open values and seal them again under this `TAG`")
	f.StringVar(&opt.from, "from", "", "with --reseal: `TAG` under which values are sealed now (default: the same tag)")
	cli.ParamFlag(c, &opt.params)
	f.StringVar(&opt.in, "in", "", "input `FILE` (default: standard input)")
	f.StringVar(&opt.out, "out", "", "output `FILE` (default: standard output)")
	f.BoolVar(&opt.dryRun, "dry-run", false, "count what would change, and change nothing")
	f.BoolVar(&opt.keepGoing, "keep-going", false, "leave what fails unchanged and continue")
	return c
}

// forms holds the values of --to.
var forms = map[string]rewrap.KeyReference{"": rewrap.AsIs, "inline": rewrap.Inline, "by-id": rewrap.ByID}

func (o *options) check() error {
	_, known := forms[o.to]
	switch {
	case !known:
		return fmt.Errorf("--to %q: use inline or by-id", o.to)
	case o.stores && (o.in != "" || o.out != "" || o.key != "" || o.reseal != "" || o.to != ""):
		return errors.New("--stores can be combined only with --drop, --renew, --dry-run and --keep-going")
	case o.reseal == "" && (o.from != "" || len(o.params) > 0):
		return errors.New("--from and --param need --reseal")
	case o.reseal != "" && (o.renew || len(o.drop) > 0):
		return errors.New("--reseal cannot be combined with --drop or --renew: a value that is sealed again uses the current data key")
	case o.reseal != "" && o.to != "":
		return errors.New("--reseal cannot be combined with --to: the key decides the form of a value that is sealed again")
	case (o.in == "") != (o.out == "") && !o.dryRun:
		return errors.New("--in and --out must be given together")
	}
	return nil
}

func run(ctx context.Context, opt options, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	server, done, err := cli.OpenServer(ctx, opt.config, stderr)
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
	j := &job{opt: opt, limit: tokenLimit(p), change: change, report: newProgress(stderr, "envelope")}
	err = j.run(ctx, stdin, stdout)
	if opt.dryRun && opt.reseal == "" {
		tally.print(stderr)
	}
	return err
}

// A change appends what replaces the envelope text to dst. The result also says
// how the record of the envelope compared with its key.
type change func(ctx context.Context, dst, text []byte) ([]byte, rewrap.Status, error)

func changer(opt options, p *policy.Policy, c *keycache.Cache, tally *census) (change, error) {
	if opt.reseal != "" {
		return resealer(opt, p, c)
	}
	name := opt.key
	if name == "" {
		if len(p.Keys) != 1 {
			return nil, fmt.Errorf("rewrap: the policy has %s: name one with --key", cli.Count(len(p.Keys), "key"))
		}
		name = p.Keys[0].Name
	}
	w, err := rewrap.New(c, name, forms[opt.to], opt.forCache())
	if err != nil {
		return nil, err
	}
	if opt.dryRun {
		tally.key = name
		return func(ctx context.Context, dst, text []byte) ([]byte, rewrap.Status, error) {
			s, err := w.Survey(ctx, text)
			if err == nil {
				tally.add(tally.kind(s), s.Calls)
			}
			return dst, s.Status, err
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
