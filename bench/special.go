package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/rig"
	"github.com/sealmesh/sealmesh/bench/stats"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// stream sends one body of a gigabyte, and as many bytes in bodies of 10 MiB.
func (b *bench) stream(ctx context.Context) error {
	total := int64(pick(b, 256, 1024)) * mib
	spec := rig.Spec{Name: "streaming", Kind: rig.Sealmesh, Env: []string{"BENCH_BUFFER=4MiB"}} // the default
	s, err := b.stack(ctx, spec)
	if err != nil {
		return err
	}
	var rates [2][]float64
	stop := make(chan struct{})
	memory := b.watch(s, stop)
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
		Plots: []report.Plot{{Name: "memory-over-time", Title: "Memory of the processor while bodies stream", X: "seconds", Y: "MiB", Lines: []report.Line{line}}}})
	b.atMost(fmt.Sprintf("%d MiB streamed body: peak memory of the processor, MiB", total/mib), 64, stats.Of([]float64{peak}))
	b.atLeast(fmt.Sprintf("%d MiB streamed body: rate, × bodies of 10 MiB", total/mib), 0.95, r)
	return nil
}

// watch reads the memory of the processor until stop is closed.
func (b *bench) watch(s *rig.Stack, stop <-chan struct{}) <-chan report.Line {
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

// repeated is a JSON text of exactly size bytes: an object whose records are those of doc, over and over.
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

// cold measures how long a processor takes from its start to serving.
func (b *bench) cold(ctx context.Context) error {
	t := report.Table{Columns: []string{"", "start to ready, ms", "first exchange, ms"}}
	for _, base := range []rig.Spec{noop, straight, ours} {
		var ready, first []float64
		for i := range 5 {
			spec := base
			spec.Name = fmt.Sprintf("cold-%s-%d", base.Name, i)
			b.step("cold start: "+spec.Name, time.Second)
			s, err := b.rig.Start(ctx, spec)
			if err != nil {
				return err
			}
			r := request("/both/1", load.NewDocument(2*kib, 5))
			began := time.Now()
			if _, err := s.Client.Do(r); err != nil {
				return err
			}
			first = append(first, float64(time.Since(began).Microseconds())/1000)
			ready = append(ready, float64(s.Ready.Microseconds())/1000)
			s.Stop()
		}
		t.Rows = append(t.Rows, []string{base.Name, stats.Of(ready).String(), stats.Of(first).String()})
		b.notes["cold/"+base.Name] = map[string]any{"ready_ms": ready, "first_ms": first}
	}
	b.section(report.Section{Title: "Cold start", Text: "Ready means: policy compiled, suites self-tested, the KEK proven by a round trip. The first exchange also opens Envoy's connections.", Tables: []report.Table{t}})
	return nil
}

// kek measures exchanges while the KMS answers at once, after 50 ms, and not at all.
func (b *bench) kek(ctx context.Context) error {
	kms, err := kmsfake.Start()
	if err != nil {
		return err
	}
	defer kms.Close()
	arn := kms.CreateKey(kmsfake.Key{Region: "eu-west-1"})
	spec := rig.Spec{Name: "kms", Kind: rig.Sealmesh, Env: []string{
		"BENCH_KEK=awskms:///" + arn + "?timeout=1s&endpoint=" + kms.URL(), "BENCH_SOFT=1s",
		"AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_EC2_METADATA_DISABLED=true",
	}}
	t := trial{id: "kek", body: load.NewDocument(2*kib, 5), conns: 4, turn: 2500 * time.Millisecond, rounds: 1}
	table := report.Table{Columns: []string{"KMS", "requests/s", "p50 ms", "p99", "p99.9", "failed", "KMS calls"}}
	for _, f := range []struct {
		name  string
		fault kmsfake.Fault
	}{{"answers at once", kmsfake.Fault{}}, {"answers after 50 ms", kmsfake.Fault{Latency: 50 * time.Millisecond}}, {"is down", kmsfake.Fault{Code: "KMSInternalException", Status: 500}}} {
		heal := func() {}
		if f.fault != (kmsfake.Fault{}) {
			heal = kms.Inject(f.fault)
		}
		calls := len(kms.Calls())
		t.id, t.contestants = "kek/"+f.name, []contestant{{nameOurs, spec, "/both/1"}}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		heal()
		h := b.latency[[2]string{t.id, nameOurs}]
		table.Rows = append(table.Rows, []string{f.name, stats.Number(b.samples.Spread(t.id, nameOurs, stats.PerSecond).Median),
			ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(99)), ms(h.ValueAtQuantile(99.9)), "0", fmt.Sprint(len(kms.Calls()) - calls)})
	}
	b.section(report.Section{Title: "The KEK slow, and down", Text: "AWS KMS played by sealmesh's own fake, over HTTP. The soft bound is 1 s here, so the data key is verified with the KMS again every second; the hard bound is an hour. One failed exchange would end the run. Closed loop, concurrency 4.", Tables: []report.Table{table}})
	return nil
}
