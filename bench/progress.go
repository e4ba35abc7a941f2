package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress prints what is running, how much is done, and the time left.
type progress struct {
	w     io.Writer
	live  bool // w is a terminal: the last line can be overwritten
	began time.Time
	done  float64 // seconds of planned work
	total float64
}

func newProgress(f *os.File) *progress {
	info, err := f.Stat()
	return &progress{w: f, live: err == nil && info.Mode()&os.ModeCharDevice != 0, began: time.Now()}
}

// step reports the beginning of a turn that takes about planned.
func (p *progress) step(what string, planned time.Duration) {
	defer func() { p.done += planned.Seconds() }()
	if !p.live {
		return
	}
	left := "?"
	if share := p.done / max(p.total, 1); share > 0.01 {
		used := time.Since(p.began).Seconds()
		left = time.Duration(max(used/share-used, 0) * 1e9).Round(time.Second).String()
	}
	fmt.Fprintf(p.w, "\r\x1b[K%3.0f %%  %s left  %s", min(100*p.done/max(p.total, 1), 100), left, what)
}

// say prints a line that stays.
func (p *progress) say(format string, args ...any) {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}
