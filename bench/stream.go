package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
	"github.com/sealmesh/sealmesh/bench/testbed"
)

// stream sends one body of a gigabyte, and as many bytes in bodies of 10 MiB.
func stream(ctx context.Context, b *bench) error {
	total := int64(pick(b, 256, 1024)) * mib
	spec := testbed.Spec{Name: "streaming", Kind: testbed.Sealmesh, Env: []string{"BENCH_BUFFER=4MiB"}} // the default
	s, err := b.stack(ctx, spec)
	if err != nil {
		return err
	}
	var rates [2][]float64
	stop := make(chan struct{})
	memory := watch(s, stop)
	for round := range 2 {
		for i, size := range []int64{10 * mib, total} {
			b.step(fmt.Sprintf("stream, round %d of 2: bodies of %d MiB", round+1, size/mib), time.Second)
			piece := load.NewDocument(int(64*kib), 4)
			r := load.NewStream("/sink/1", size, func() io.Reader { return repeated(piece, size) })
			count := max(1, total/2/size)
			began := time.Now()
			for range count {
				if _, err := s.Client.Do(r); err != nil {
					close(stop)
					return err
				}
			}
			rates[i] = append(rates[i], float64(size*count)/mib/time.Since(began).Seconds())
		}
	}
	close(stop)
	line := <-memory
	m, err := s.Memory()
	if err != nil {
		return err
	}
	peak := float64(m.ProcessorPeak) / mib
	r := stats.Ratios(rates[1], rates[0])
	b.section(report.Section{Title: fmt.Sprintf("A streamed body of %d MiB", total/mib),
		Text: fmt.Sprintf("One connection, FULL_DUPLEX_STREAMED, one field in 16 KiB, discarded by the upstream. %s MiB/s in one body, %s in bodies of 10 MiB. Peak memory of the processor %s MiB, of Envoy %s MiB.",
			stats.Of(rates[1]), stats.Of(rates[0]), stats.Number(peak), stats.Number(float64(m.EnvoyPeak)/mib)),
		Plots: []report.Plot{{Name: "memory-over-time", Title: "Memory of the processor while bodies stream", X: report.Axis{Label: "seconds"}, Y: report.Axis{Label: "MiB"}, Lines: []report.Line{line}}}})
	b.atMost(fmt.Sprintf("%d MiB streamed body: peak memory of the processor, MiB", total/mib), 64, stats.Of([]float64{peak}))
	b.atLeast(fmt.Sprintf("%d MiB streamed body: rate, × bodies of 10 MiB", total/mib), 0.95, r)
	return nil
}

// watch samples the memory of the processor until stop is closed.
func watch(s *testbed.Stack, stop <-chan struct{}) <-chan report.Line {
	out := make(chan report.Line, 1)
	go func() {
		line := report.Line{Name: "sealmesh, resident set"}
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for began := time.Now(); ; {
			select {
			case <-stop:
				out <- line
				return
			case <-tick.C:
				if m, err := s.Memory(); err == nil {
					v := float64(m.Processor) / mib
					line.Points = append(line.Points, report.Point{X: time.Since(began).Seconds(), Y: v, Low: v, High: v})
				}
			}
		}
	}()
	return out
}

// repeated is a JSON text of exactly size bytes: an object that repeats the
// records of doc.
func repeated(doc []byte, size int64) io.Reader {
	records := doc[bytes.IndexByte(doc, '[')+1 : bytes.LastIndexByte(doc, ']')]
	const first, last = `{"records":[`, `]}`
	n := (size - int64(len(first)+len(last)) - int64(len(records))) / int64(len(records)+1)
	more := append([]byte(","), records...)
	parts := []io.Reader{bytes.NewReader([]byte(first)), bytes.NewReader(records)}
	for range n {
		parts = append(parts, bytes.NewReader(more))
	}
	used := int64(len(first)+len(last)+len(records)) + n*int64(len(more))
	return io.MultiReader(append(parts, bytes.NewReader([]byte(last)), bytes.NewReader(bytes.Repeat([]byte(" "), int(size-used))))...)
}
