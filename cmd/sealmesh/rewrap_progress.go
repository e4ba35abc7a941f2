package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress says how a long job goes: on a terminal by one line that is written
// again, elsewhere by a line now and then.
type progress struct {
	w           io.Writer
	terminal    bool
	begin, last time.Time
	from        int64 // offset where this run began
	envelopes   int   // met before it
	started     bool
}

func newProgress(w io.Writer) *progress {
	now := time.Now()
	p := &progress{w: w, begin: now, last: now}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// every is how often a long job says where it is.
const (
	every         = 3 * time.Second
	everyTerminal = 200 * time.Millisecond
)

// show says where the job is, if it is time. size is 0 where it is not known.
func (p *progress) show(c counts, read, size int64) {
	if !p.started {
		p.started, p.from, p.envelopes = true, read, c.Envelopes
	}
	now := time.Now()
	if wait := now.Sub(p.last); wait < every && (!p.terminal || wait < everyTerminal) {
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
	done := fmt.Sprintf("%d MiB", read>>20)
	if size > 0 {
		done = fmt.Sprintf("%d%% of %d MiB", 100*read/size, size>>20)
	}
	text := fmt.Sprintf("%s, %.0f envelopes/s", done, float64(c.Envelopes-p.envelopes)/spent.Seconds())
	if new := read - p.from; size > 0 && new > 0 {
		left := time.Duration(float64(spent) * float64(size-read) / float64(new))
		text += fmt.Sprintf(", %v left", left.Round(time.Second))
	}
	return text + ": " + c.String()
}

// end clears the line of a terminal, and says what the job came to.
func (p *progress) end(opt rewrapOptions, c counts) {
	text := c.String()
	if opt.dryRun {
		text = strings.Replace(text, "changed", "would change", 1)
	}
	if p.terminal {
		text = "\r\x1b[K" + text
	}
	fmt.Fprintln(p.w, text)
	if c.Elsewhere > 0 {
		fmt.Fprintf(p.w, "warning: %s by id: their records, in a store or the policy, stay as they are, and so must the KEKs that wrapped them\n", count(c.Elsewhere, "envelope"))
	}
}
