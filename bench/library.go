package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sealmesh/sealmesh/bench/library"
	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
	"github.com/sealmesh/sealmesh/hsm/local"
)

// libraries compares the work of sealmesh on a body with that of libraries, in
// this process.
func libraries(ctx context.Context, b *bench) error {
	file := filepath.Join(b.testbed.Dir, "library-kek")
	if err := local.Create(file); err != nil {
		return err
	}
	ring, recorder, err := openKEK(ctx, b, file)
	if err != nil {
		return err
	}
	defer recorder.Close(ctx)
	s := report.Section{Title: "Libraries", Text: "In one process and one goroutine, interleaved; ns of CPU time of its thread per operation, of wall time where others do part of it (the remote service, simdjson-go). “Body work” is the whole of it: validating scan, key lookup, sealing, envelopes, splice, record of the key use. The others do less: none validates and keeps bytes and binds a context."}
	body := load.NewDocument(2*kib, 5)
	work, stop, err := library.BodyWork(ctx, ring, recorder, body)
	if err != nil {
		return err
	}
	defer stop()
	seals, stopSeals := library.Seal(body)
	defer stopSeals()
	sets := []struct {
		title, base string
		list        []library.Contestant
	}{
		{"2 KiB, 5 fields: seal and replace", library.Bare, append([]library.Contestant{work}, seals...)},
		{"100 KiB, no match: validate and look", library.Scan, library.Validate(load.NewDocument(100*kib, 0))},
	}
	for _, set := range sets {
		b.step("library: "+set.title, 3*time.Second)
		times, err := library.Measure(set.list, pick(b, 7, 21), 5*time.Millisecond)
		if err != nil {
			return fmt.Errorf("%s: %w", set.title, err)
		}
		t := report.Table{Title: set.title, Columns: []string{"", "ns", "× " + set.base, "allocations"}}
		for _, c := range set.list {
			t.Rows = append(t.Rows, []string{c.Name, stats.Of(times[c.Name]).String(), stats.Ratios(times[c.Name], times[set.base]).String(), stats.Number(library.Allocations(c))})
		}
		s.Tables = append(s.Tables, t)
		b.notes["library/"+set.title] = times
		if set.base == library.Bare {
			b.atMost("body work, 2 KiB, 5 fields, × bare AES-GCM seal and base64 of the five values", 3.5, stats.Ratios(times[library.Work], times[library.Bare]))
			continue
		}
		for _, peer := range []struct {
			name   string
			target float64
		}{{library.JSONText, 2.5}, {library.JSONValid, 3}, {library.JSONParser, 1.2}} {
			b.atLeast("validating scan, no match, 100 KiB: speed, × "+peer.name, peer.target, stats.Ratios(times[peer.name], times[library.Scan]))
		}
	}
	b.section(s)
	return nil
}

// taggedValues is how many tagged values the documents of bodyFormats have.
const taggedValues = 5

// bodyFormats compares the codec of each body format with the library that a
// Go program would use, in this process.
func bodyFormats(_ context.Context, b *bench) error {
	s := report.Section{Title: "Body formats", Text: fmt.Sprintf("In one process and one goroutine, interleaved: CPU time of its thread. A document has %d records. The codec validates it, and replaces the tagged values by texts as long as an envelope; nothing is sealed. The library reads the document and writes it again.", library.Records)}
	t := report.Table{Title: "Reading and writing a document", Columns: []string{"format", "library", "KiB", "no match: MB/s", "× library", "allocations", "5 values: MB/s", "× library", "allocations"}}
	cases, err := library.Formats()
	if err != nil {
		return err
	}
	for _, c := range cases {
		b.step("formats: "+c.Name, time.Second)
		row := []string{c.Name, c.Library}
		for _, tagged := range []int{0, taggedValues} {
			doc := c.Document(tagged)
			ours, err := c.Codec(doc, tagged)
			if err != nil {
				return err
			}
			times, err := library.Measure([]library.Contestant{ours, c.Peer(doc)}, pick(b, 7, 21), 5*time.Millisecond)
			if err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			faster := stats.Ratios(times["library"], times["codec"])
			if tagged == 0 {
				row = append(row, stats.Number(float64(len(doc))/1024))
			}
			row = append(row, stats.Of(rates(times["codec"], len(doc))).String(), faster.String(), stats.Number(library.Allocations(ours)))
			b.atLeast(fmt.Sprintf("%s, %d tagged values: speed, × %s", c.Name, tagged, c.Library), 3, faster)
			b.notes[fmt.Sprintf("formats/%s/%d", c.Name, tagged)] = times
		}
		t.Rows = append(t.Rows, row)
	}
	s.Tables = append(s.Tables, t)
	b.section(s)
	return nil
}

// rates turns nanoseconds for n bytes into MB/s.
func rates(ns []float64, n int) []float64 {
	mbs := make([]float64, len(ns))
	for i, t := range ns {
		mbs[i] = float64(n) / t * 1e3
	}
	return mbs
}
