package rewrap

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/rewrap"
)

// A storesJob is one run of "rewrap --stores".
type storesJob struct {
	opt    options
	tally  *census
	report *progress
	counts counts
}

func rewrapStores(ctx context.Context, opt options, c *keycache.Cache, tally *census, stderr io.Writer) error {
	all, err := rewrap.Stores(c, opt.forCache())
	if err != nil {
		return err
	}
	j := &storesJob{opt: opt, tally: tally, report: newProgress(stderr, "record")}
	for _, w := range all {
		if err := j.store(ctx, w); err != nil {
			return err
		}
	}
	j.report.end(opt, j.counts)
	if opt.dryRun {
		tally.print(stderr)
	}
	return failed(j.counts, "record")
}

// store rewraps the records of one store.
func (j *storesJob) store(ctx context.Context, w *rewrap.StoreRewrapper) error {
	for record, err := range w.Records(ctx) {
		damaged := hsm.ClassOf(err) == hsm.Corrupt
		if err != nil && !damaged {
			return fmt.Errorf("rewrap: keys %s: %w", strings.Join(w.Keys(), ", "), err)
		}
		var what rewrap.Status
		if !damaged {
			what, err = j.record(ctx, w, record)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		j.counts.Seen++
		switch {
		case err == nil:
			j.counts.tally(what)
		case !j.opt.keepGoing:
			return fmt.Errorf("rewrap: record %d of keys %s: %w (--keep-going leaves it unchanged)", j.counts.Seen, strings.Join(w.Keys(), ", "), err)
		default:
			j.counts.Failed++
			fmt.Fprintf(j.report.w, "record %d: %v\n", j.counts.Seen, err)
		}
		j.report.show(j.counts, 0, 0)
	}
	return ctx.Err()
}

func (j *storesJob) record(ctx context.Context, w *rewrap.StoreRewrapper, record envelope.Record) (rewrap.Status, error) {
	if !j.opt.dryRun {
		return w.Rewrap(ctx, record)
	}
	s := w.Survey(record)
	j.tally.add(fmt.Sprintf("in the store of %s, wrapped by %s", strings.Join(w.Keys(), ", "), wrappers(s)), s.Calls)
	return s.Status, nil
}
