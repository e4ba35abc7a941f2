package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress says how a long job goes: on a terminal by one line that is written
// again, elsewhere by a line now and then.
type progress struct {
	w           io.Writer
	noun        string // what is counted
	terminal    bool
	begin, last time.Time
	from        int64 // offset where this run began
	seen        int   // before it
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

// every is how often a long job says where it is.
const (
	every         = 3 * time.Second
	everyTerminal = 200 * time.Millisecond
)

// show says where the job is, if it is time. read and size, in bytes, are 0 where
// they are not known.
func (p *progress) show(c counts, read, size int64) {
	if !p.started {
		p.started, p.from, p.seen = true, read, c.Seen
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

// end clears the line of a terminal, and says what the job came to.
func (p *progress) end(opt rewrapOptions, c counts) {
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
		fmt.Fprintf(p.w, "warning: %s by id stay so: their records are not in the key's store\n", count(c.Elsewhere, p.noun))
	default:
		fmt.Fprintf(p.w, "warning: %s by id: their records stay under the KEKs that wrapped them; those in a store, rewrap --stores renews\n", count(c.Elsewhere, p.noun))
	}
}
