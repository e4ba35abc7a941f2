package rewrap

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
)

// progress reports how far a long job is: on a terminal by one line that is
// rewritten, elsewhere by a new line from time to time.
type progress struct {
	w           io.Writer
	noun        string // "envelope" or "record"
	terminal    bool
	begin, last time.Time
	from        int64 // offset where this run began
	seen        int   // envelopes or records before this run
	started     bool
}

func newProgress(w io.Writer, noun string) *progress {
	now := time.Now()
	p := &progress{w: w, noun: noun, begin: now, last: now}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// How often a job reports its progress.
const (
	reportEvery         = 3 * time.Second
	reportEveryTerminal = 200 * time.Millisecond
)

// show reports the progress if the last report is old enough. read and size, in
// bytes, are 0 if unknown.
func (p *progress) show(c counts, read, size int64) {
	if !p.started {
		p.started, p.from, p.seen = true, read, c.Seen
	}
	now := time.Now()
	if wait := now.Sub(p.last); wait < reportEvery && (!p.terminal || wait < reportEveryTerminal) {
		return
	}
	p.last = now
	text := p.line(now.Sub(p.begin), c, read, size)
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
		return
	}
	fmt.Fprintln(p.w, text)
}

func (p *progress) line(spent time.Duration, c counts, read, size int64) string {
	done := ""
	switch {
	case size > 0:
		done = fmt.Sprintf("%d%% of %d MiB, ", 100*read/size, size>>20)
	case read > 0:
		done = fmt.Sprintf("%d MiB, ", read>>20)
	}
	text := fmt.Sprintf("%s%.0f %ss/s", done, float64(c.Seen-p.seen)/spent.Seconds(), p.noun)
	if new := read - p.from; size > 0 && new > 0 {
		left := time.Duration(float64(spent) * float64(size-read) / float64(new))
		text += fmt.Sprintf(", %v left", left.Round(time.Second))
	}
	return text + ": " + c.text(p.noun, "changed")
}

// end clears the progress line of a terminal and reports the result.
func (p *progress) end(opt options, c counts) {
	changed := "changed"
	if opt.dryRun {
		changed = "would change"
	}
	text := c.text(p.noun, changed)
	if p.terminal {
		text = "\r\x1b[K" + text
	}
	fmt.Fprintln(p.w, text)
	switch {
	case c.Elsewhere == 0:
	case opt.to == "inline":
		fmt.Fprintf(p.w, "warning: %s by id not changed: their records are not in the key's store\n", cli.Count(c.Elsewhere, p.noun))
	default:
		fmt.Fprintf(p.w, "warning: %s by id not changed: their records keep their KEKs; run rewrap --stores for records in a store\n", cli.Count(c.Elsewhere, p.noun))
	}
}
