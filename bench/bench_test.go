package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
	"github.com/sealmesh/sealmesh/bench/testbed"
	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// TestMain also serves: the bench starts itself, and here it is the test
// binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		if err := serve(context.Background(), os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func testBench(t *testing.T) *bench {
	tb, err := testbed.New(envoytest.Path(t), "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tb.Close)
	b := newBench(tb, &progress{w: io.Discard, began: time.Now()})
	b.quick = true
	return b
}

// One small round through a real Envoy, with everything that a run does: what
// the contestants do is checked, measured and written.
func TestRound(t *testing.T) {
	b := testBench(t)
	list := []contestant{
		{nameNone, bare, "/both/1"}, {nameNoop, noop, "/both/1"}, {nameNaive, naive, "/both/1"},
		{nameOurs, wired, "/both/1"}, {"open", wired, "/open/1"}, {"streamed", wired, "/stream/1"}, {nameSkip, wired, "/skip/1"},
	}
	for _, rate := range []float64{0, 200} {
		tr := trial{id: fmt.Sprint("smoke/", rate), contestants: list, body: load.NewDocument(2*kib, 5), conns: 2, rate: rate, turn: 60 * time.Millisecond, rounds: 1}
		if err := b.run(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
		b.section(report.Section{Title: "smoke", Tables: []report.Table{b.table("smoke", tr.id, list)}})
	}
	if len(b.samples) != 2*len(list) {
		t.Fatalf("%d samples, want %d", len(b.samples), 2*len(list))
	}
	for _, s := range b.samples {
		if s.Requests == 0 || s.Envoy <= 0 || s.P50 <= 0 || (s.Processor > 0) == (s.Contestant == nameNone) {
			t.Errorf("not measured: %+v", s)
		}
	}
	if s := b.samples.Spread("smoke/0", nameOurs, stats.Allocations); s.Median < 10 {
		t.Errorf("allocations of an exchange: %v", s)
	}
	b.atMost("nothing measured", 1, stats.Of(nil))
	b.atMost("smoke", 1000, b.samples.Ratio("smoke/0", nameOurs, nameNoop, stats.ProcessorCPU))
	written(t, b)
}

func written(t *testing.T, b *bench) {
	t.Helper()
	dir := t.TempDir()
	if err := b.write(dir); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "raw.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back struct{ Samples []stats.Sample }
	if err := json.Unmarshal(raw, &back); err != nil || len(back.Samples) != len(b.samples) {
		t.Fatalf("raw.json: %v, %d samples", err, len(back.Samples))
	}
	for name, want := range map[string]string{"table.md": "| smoke | ≤ 1,000 |", "index.html": `class="reached"`} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s has no %q (%v)", name, want, err)
		}
	}
}

// A contestant that does not do the work is found out before the clock runs.
func TestCheckFindsIdlers(t *testing.T) {
	b := testBench(t)
	s, err := b.stack(t.Context(), noop)
	if err != nil {
		t.Fatal(err)
	}
	idle := *s
	idle.Kind = testbed.Sealmesh // claims to be
	spec := noop
	spec.Kind = testbed.Sealmesh
	body := load.NewDocument(2*kib, 5)
	tr := trial{body: body}
	k := turn{trial: &tr, contestant: contestant{"idler", spec, "/both/1"}, stack: &idle, request: request("/both/1", body)}
	if err := b.check(&k); err == nil || !strings.Contains(err.Error(), "in clear") {
		t.Errorf("an idler passes: %v", err)
	}
}
