package main

import (
	"fmt"
	"io"
	"time"
)

// progress says what runs, how far it is, and when it will end.
type progress struct {
	w     io.Writer
	began time.Time
	done  float64 // seconds of planned work
	total float64
}

func newProgress(w io.Writer) *progress { return &progress{w: w, began: time.Now()} }

// step is called as each turn begins; planned is how long it is meant to take.
func (p *progress) step(what string, planned time.Duration) {
	left := "?"
	if share := p.done / max(p.total, 1); share > 0.01 {
		used := time.Since(p.began).Seconds()
		left = time.Duration(max(used/share-used, 0) * 1e9).Round(time.Second).String()
	}
	fmt.Fprintf(p.w, "\r\x1b[K%3.0f %%  %s left  %s", min(100*p.done/max(p.total, 1), 100), left, what)
	p.done += planned.Seconds()
}

// say prints a line that stays.
func (p *progress) say(format string, args ...any) {
	fmt.Fprintf(p.w, "\r\x1b[K"+format+"\n", args...)
}
