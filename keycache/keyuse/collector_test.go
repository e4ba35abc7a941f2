package keyuse_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/keyuse/keyusetest"
)

var exchange = keyuse.Exchange{
	TraceID: [16]byte{1, 2, 3}, ParentID: [8]byte{4, 5},
	Route: "customers", Direction: "request", Format: "json", Caller: "spiffe://mesh/ns/shop/sa/web",
}

func use(fields int) keyuse.Use {
	return keyuse.Use{
		Start: 1_700_000_000_000_000_000, End: 1_700_000_000_000_050_000,
		Key: "customer", DataKey: [16]byte{0xab, 15: 0xcd}, Operation: "seal", Suite: "XAES-256-GCM",
		Tags: []string{"pii", "pii.email"}, Fields: fields, Bytes: 80, Cache: "hit",
	}
}

func open(t *testing.T, opt keyuse.Options) *keyuse.Recorder {
	t.Helper()
	opt.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	r, err := keyuse.Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, r) })
	return r
}

func shut(t *testing.T, r *keyuse.Recorder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
}

func flush(t *testing.T, r *keyuse.Recorder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := r.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// record records uses whose Fields count from first to last.
func record(t *testing.T, r *keyuse.Recorder, first, last int) {
	t.Helper()
	for i := first; i <= last; i++ {
		if err := r.Record(&exchange, []keyuse.Use{use(i)}, keyuse.Reservation{}); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
}

// wantFields checks that spans are those of record(1, n), in order. A span that
// came twice, because its acknowledgement was lost, counts once.
func wantFields(t *testing.T, spans []keyusetest.Span, n int) {
	t.Helper()
	var got, want []int
	seen := map[string]bool{}
	for _, s := range spans {
		if id := string(s.SpanId); !seen[id] {
			seen[id] = true
			got = append(got, int(s.Attrs["sealmesh.fields"].(int64)))
		}
	}
	for i := 1; i <= n; i++ {
		want = append(want, i)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%d spans %v, want %d in order", len(got), clip(got), n)
	}
}

func clip(n []int) string {
	if len(n) > 20 {
		return fmt.Sprint(n[:10], "…", n[len(n)-10:])
	}
	return fmt.Sprint(n)
}

func protocols(t *testing.T, f func(t *testing.T, c *keyusetest.Collector, env func(string) string)) {
	t.Run("grpc", func(t *testing.T) { c := keyusetest.Start(t); f(t, c, c.Getenv) })
	t.Run("http", func(t *testing.T) { c := keyusetest.Start(t); f(t, c, c.GetenvHTTP) })
}

func TestExport(t *testing.T) {
	protocols(t, func(t *testing.T, c *keyusetest.Collector, env func(string) string) {
		r := open(t, keyuse.Options{Required: true, Getenv: env})
		record(t, r, 1, 5000)
		shut(t, r)
		wantFields(t, c.Wait(5000), 5000)
		if s := r.Stats(); s.Recorded != 5000 || s.Exported != 5000 || s.QueueBytes != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestStalledCollectorLosesNothing(t *testing.T) {
	protocols(t, func(t *testing.T, c *keyusetest.Collector, env func(string) string) {
		c.Stall()
		r := open(t, keyuse.Options{Required: true, Getenv: env, SpoolDir: t.TempDir(), QueueBytes: 256 << 10})
		record(t, r, 1, 100)
		c.WaitRequests(1)
		recordPatiently(t, r, 101, 5000)
		c.Resume()
		flush(t, r)
		wantFields(t, c.Spans(), 5000)
	})
}

// recordPatiently records faster than the disk takes, and waits when it must.
func recordPatiently(t *testing.T, r *keyuse.Recorder, first, last int) {
	t.Helper()
	for i := first; i <= last; i++ {
		for r.Record(&exchange, []keyuse.Use{use(i)}, keyuse.Reservation{}) == keyuse.ErrFull {
			if t.Context().Err() != nil {
				t.Fatal("full for ever")
			}
			runtime.Gosched()
		}
	}
}

func TestCollectorGoneAndBack(t *testing.T) {
	protocols(t, func(t *testing.T, c *keyusetest.Collector, env func(string) string) {
		r := open(t, keyuse.Options{Required: true, Getenv: env, SpoolDir: t.TempDir()})
		record(t, r, 1, 10)
		c.Wait(10)
		c.Stop()
		record(t, r, 11, 2000)
		c.Restart()
		flush(t, r)
		wantFields(t, c.Spans(), 2000)
	})
}

func TestRefusalForGoodKeepsSpans(t *testing.T) {
	c := keyusetest.Start(t)
	c.Refuse(codes.Unauthenticated)
	dir := t.TempDir()
	r := open(t, keyuse.Options{Required: true, Getenv: c.Getenv, SpoolDir: dir})
	record(t, r, 1, 100)
	c.WaitRequests(1)
	shut(t, r)
	if n := len(c.Spans()); n != 0 {
		t.Fatalf("%d spans arrived", n)
	}
	c.Resume()
	open(t, keyuse.Options{Required: true, Getenv: c.Getenv, SpoolDir: dir})
	wantFields(t, c.Wait(100), 100)
}
