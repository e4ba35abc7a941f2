package rewrap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/rewrap"
)

// saveEvery is how much input, in bytes, a killed job repeats at most.
const saveEvery = 8 << 20

// A job is one run over envelopes.
type job struct {
	opt    options
	limit  int // longest envelope, in bytes
	change change
	report *progress
	counts counts
	out    []byte
}

func (j *job) run(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	var f *fileJob
	var err error
	switch {
	case j.opt.dryRun:
		err = j.count(ctx, stdin)
	case j.opt.in != "":
		f, err = j.files(ctx)
	default:
		fmt.Fprintln(j.report.w, "reading standard input: if this job is interrupted, start again; with --in and --out it could resume")
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

func (j *job) count(ctx context.Context, stdin io.Reader) error {
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

// files runs or resumes a job on files. The caller calls forget after it has
// reported the result.
func (j *job) files(ctx context.Context) (*fileJob, error) {
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

// stream copies text to w and changes the envelopes in it. save, if not nil, is
// called at points where everything that was read has been written.
func (j *job) stream(ctx context.Context, s *tokenScanner, w io.Writer, save func() error, size int64) error {
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

// candidate writes the result for token, which s returned last.
func (j *job) candidate(ctx context.Context, w io.Writer, s *tokenScanner, token []byte) error {
	if next := len(envelope.Prefix) - 1; len(token) <= s.max && bytes.HasSuffix(token, []byte(envelope.Prefix[:next])) {
		// The end may be the start of the next envelope: "sm1.sm1.…".
		if _, _, _, err := envelope.Parse(nil, token); notEnvelope(err) && len(token) > next+1 {
			s.unread(token, next)
			token = token[:len(token)-next]
		}
	}
	return j.envelope(ctx, w, token, s.at-int64(len(token)))
}

// envelope writes the result for the candidate at offset.
func (j *job) envelope(ctx context.Context, w io.Writer, token []byte, offset int64) error {
	out, what, err := j.out[:0], rewrap.Current, errLong
	if len(token) <= j.limit { // a longer token is cut off; changing it would damage the rest
		out, what, err = j.change(ctx, out, token)
	}
	j.out = out
	switch {
	case notEnvelope(err):
		j.counts.Lookalike++
		out = token
	case err != nil && !j.opt.keepGoing:
		return fmt.Errorf("rewrap: the envelope at byte %d: %w (--keep-going leaves it unchanged)", offset, err)
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

// errLong refuses a candidate that is too long for this policy. An earlier
// policy may have allowed it.
var errLong = errors.New("longer than any envelope under this policy: if it is an envelope, raise limits.value_bytes")

// notEnvelope reports whether err says that a candidate only looks like an
// envelope. An envelope of a newer version is an envelope: skipping it and then
// deleting its KEK would lose the value.
func notEnvelope(err error) bool {
	return errors.Is(err, envelope.ErrNotEnvelope) || errors.Is(err, envelope.ErrMalformed) || errors.Is(err, envelope.ErrUnknownSuite)
}
