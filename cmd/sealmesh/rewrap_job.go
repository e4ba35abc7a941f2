package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache"
)

// saveEvery is how much input, in bytes, a job that is killed does over again at most.
const saveEvery = 8 << 20

// A rewrapJob is one run of "rewrap".
type rewrapJob struct {
	opt    rewrapOptions
	limit  int // length of an envelope, in bytes
	change change
	report *progress
	counts counts
	out    []byte
}

func (j *rewrapJob) run(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	var f *fileJob
	var err error
	switch {
	case j.opt.dryRun:
		err = j.count(ctx, stdin)
	case j.opt.in != "":
		f, err = j.files(ctx)
	default:
		fmt.Fprintln(j.report.w, "from standard input to standard output: if this is stopped, begin again; with --in and --out it would go on")
		w := bufio.NewWriterSize(stdout, 64<<10)
		err = j.stream(ctx, newTokenScanner(stdin, j.limit), w, nil, 0)
		err = errors.Join(err, w.Flush())
	}
	if err != nil {
		return err
	}
	j.report.end(j.opt, j.counts)
	if f != nil {
		if err := f.forget(); err != nil {
			return fmt.Errorf("rewrap: %w", err)
		}
	}
	return failed(j.counts, "envelope")
}

func (j *rewrapJob) count(ctx context.Context, stdin io.Reader) error {
	if j.opt.in == "" {
		return j.stream(ctx, newTokenScanner(stdin, j.limit), io.Discard, nil, 0)
	}
	f, err := os.Open(j.opt.in)
	if err != nil {
		return fmt.Errorf("rewrap: %w", err)
	}
	defer f.Close()
	return j.stream(ctx, newTokenScanner(f, j.limit), io.Discard, nil, fileSize(f))
}

// files does a job on files, or what is left of it. The caller forgets it at last.
func (j *rewrapJob) files(ctx context.Context) (*fileJob, error) {
	f, err := openFileJob(j.opt)
	if err != nil {
		return nil, err
	}
	j.counts = f.state.Counts
	if f.finished {
		return f, nil
	}
	s := newTokenScanner(f.in, j.limit)
	s.at = f.state.Read
	w := bufio.NewWriterSize(f.out, 64<<10)
	saved := s.at
	save := func() error {
		if s.at-saved < saveEvery {
			return nil
		}
		saved = s.at
		if err := w.Flush(); err != nil {
			return err
		}
		return f.save(s.at, j.counts)
	}
	err = j.stream(ctx, s, w, save, fileSize(f.in))
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.finish(s.at, j.counts)
	}
	return f, errors.Join(err, f.close())
}

// stream passes text on and changes envelopes. save, when not nil, is called
// wherever all that was read has been written.
func (j *rewrapJob) stream(ctx context.Context, s *tokenScanner, w io.Writer, save func() error, size int64) error {
	for {
		text, token, err := s.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		end := errors.Is(err, io.EOF)
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("rewrap: %w", err)
		}
		if len(token) > 0 {
			if err := j.candidate(ctx, w, s, token); err != nil {
				return err
			}
		}
		if end {
			return nil
		}
		if save != nil {
			if err := save(); err != nil {
				return fmt.Errorf("rewrap: %w", err)
			}
		}
		j.report.show(j.counts, s.at, size)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// candidate writes what becomes of the token that s returned last.
func (j *rewrapJob) candidate(ctx context.Context, w io.Writer, s *tokenScanner, token []byte) error {
	if next := len(envelope.Prefix) - 1; len(token) <= s.max && bytes.HasSuffix(token, []byte(envelope.Prefix[:next])) {
		// The end may be the begin of the next one: "sm1.sm1.…".
		if _, _, _, err := envelope.Parse(nil, token); notEnvelope(err) && len(token) > next+1 {
			s.unread(token, next)
			token = token[:len(token)-next]
		}
	}
	return j.envelope(ctx, w, token, s.at-int64(len(token)))
}

// envelope writes what becomes of the candidate at offset.
func (j *rewrapJob) envelope(ctx context.Context, w io.Writer, token []byte, offset int64) error {
	out, what, err := j.out[:0], keycache.Current, errLong
	if len(token) <= j.limit { // else it is cut off: to change it would damage the rest
		out, what, err = j.change(ctx, out, token)
	}
	j.out = out
	switch {
	case notEnvelope(err):
		j.counts.Lookalike++
		out = token
	case err != nil && !j.opt.keepGoing:
		return fmt.Errorf("rewrap: the envelope at byte %d: %w (--keep-going leaves it as it is)", offset, err)
	case err != nil:
		j.counts.Seen++
		j.counts.Failed++
		fmt.Fprintf(j.report.w, "byte %d: %v\n", offset, err)
		out = token
	default:
		j.counts.Seen++
		j.counts.tally(what)
	}
	if j.opt.dryRun {
		return nil
	}
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("rewrap: %w", err)
	}
	return nil
}

// errLong: nothing so long can be sealed under the policy, but perhaps under one before it.
var errLong = errors.New("longer than any envelope under this policy: raise limits.value_bytes if it is one")

// notEnvelope reports whether a candidate is text that only looks like an envelope.
// One of a newer version is an envelope: who passed over it, and let its KEK go,
// would lose its value.
func notEnvelope(err error) bool {
	return errors.Is(err, envelope.ErrNotEnvelope) || errors.Is(err, envelope.ErrMalformed) || errors.Is(err, envelope.ErrUnknownSuite)
}
