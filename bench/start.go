package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
	"github.com/sealmesh/sealmesh/bench/testbed"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// cold measures the time from the start of a processor until it serves.
func cold(ctx context.Context, b *bench) error {
	t := report.Table{Columns: []string{"", "start to ready, ms", "first exchange, ms"}}
	for _, base := range []testbed.Spec{noop, naive, ours} {
		var ready, first []float64
		for i := range 5 {
			spec := base
			spec.Name = fmt.Sprintf("cold-%s-%d", base.Name, i)
			b.step("cold start: "+spec.Name, time.Second)
			s, err := b.testbed.Start(ctx, spec)
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

// kek measures exchanges while the KMS answers at once, answers after 50 ms,
// and is down.
func kek(ctx context.Context, b *bench) error {
	kms, err := kmsfake.Start()
	if err != nil {
		return err
	}
	defer kms.Close()
	arn := kms.CreateKey(kmsfake.Key{Region: "eu-west-1"})
	spec := testbed.Spec{Name: "kms", Kind: testbed.Sealmesh, Env: []string{
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
		h := b.latency[caseOf{t.id, nameOurs}]
		table.Rows = append(table.Rows, []string{f.name, stats.Number(b.samples.Spread(t.id, nameOurs, stats.PerSecond).Median),
			ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(99)), ms(h.ValueAtQuantile(99.9)), "0", fmt.Sprint(len(kms.Calls()) - calls)})
	}
	b.section(report.Section{Title: "The KEK slow, and down", Text: "AWS KMS played by sealmesh's own fake, over HTTP. The soft TTL is 1 s here, so the data key is verified with the KMS every second; the hard TTL is an hour. One failed exchange would end the run. Closed loop, concurrency 4.", Tables: []report.Table{table}})
	return nil
}
