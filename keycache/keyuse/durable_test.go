package keyuse_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/keyuse/keyusetest"
)

// offline is the environment without a collector.
func offline(name string) string {
	return map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_BSP_SCHEDULE_DELAY": "1"}[name]
}

// TestKilled kills a process whose collector is unreachable, by SIGKILL: what
// it had spooled is sent by the next one, in order, and ahead of its own.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimSpool+"="+dir, "OTEL_TRACES_EXPORTER=otlp", "OTEL_BSP_SCHEDULE_DELAY=1",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_SERVICE_NAME=victim")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _, err := bufio.NewReader(out).ReadLine()
	if err != nil || string(line) != "spooled" {
		t.Fatalf("the victim says %q, %v", line, err)
	}
	if _, err := keyuse.Open(keyuse.Options{SpoolDir: dir, Getenv: offline}); err == nil {
		t.Error("two processes use one spool")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	c := keyusetest.Start(t)
	r := open(t, keyuse.Options{Required: true, SpoolDir: dir, Getenv: c.Getenv})
	record(t, r, victimUses+1, victimUses+10)
	shut(t, r)
	spans := c.Spans()
	wantFields(t, spans, victimUses+10)
	if got := spans[0].Resource["service.name"]; got != "victim" {
		t.Errorf("a span of the killed process says that it is %v's", got)
	}
	if got := spans[len(spans)-1].Resource["service.name"]; got != "sealmesh" {
		t.Errorf("a span of this process says that it is %v's", got)
	}
	wantNoSegments(t, dir)
}

func wantNoSegments(t *testing.T, dir string) {
	t.Helper()
	if left, err := filepath.Glob(filepath.Join(dir, "*.keyuse*")); err != nil || len(left) != 0 {
		t.Errorf("left in the spool: %v %v", left, err)
	}
}

// TestRestarts hands spans on from process to process, none with a collector.
func TestRestarts(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		r := open(t, keyuse.Options{Required: true, SpoolDir: dir, Getenv: offline})
		record(t, r, 100*i+1, 100*i+100)
		shut(t, r)
	}
	c := keyusetest.Start(t)
	r := open(t, keyuse.Options{Required: true, SpoolDir: dir, Getenv: c.Getenv})
	shut(t, r) // a flush may end before the last segment is deleted
	wantFields(t, c.Spans(), 500)
	wantNoSegments(t, dir)
}

// TestCloseWhileStalled closes when the collector neither takes nor refuses,
// and there is no time left: the spool keeps what is on its way.
func TestCloseWhileStalled(t *testing.T) {
	protocols(t, func(t *testing.T, c *keyusetest.Collector, env func(string) string) {
		c.Stall()
		opt := keyuse.Options{Required: true, Getenv: env, SpoolDir: t.TempDir()}
		r := open(t, opt)
		record(t, r, 1, 5)
		c.WaitRequests(1)
		record(t, r, 6, 10)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if s := r.Stats(); s.Spooled != 10 || s.Dropped != 0 {
			t.Errorf("stats %+v", s)
		}
		c.Resume()
		r = open(t, opt)
		flush(t, r)
		wantFields(t, c.Spans(), 10)
	})
}

// TestFull fills queue and spool: when required, Record refuses at once and
// takes again when the collector is back; nothing that it took is lost.
func TestFull(t *testing.T) {
	c := keyusetest.Start(t)
	c.Refuse(codes.Unavailable)
	r := open(t, keyuse.Options{
		Required: true, Getenv: c.Getenv,
		SpoolDir: t.TempDir(), SpoolBytes: keyuse.MinSpoolBytes, QueueBytes: keyuse.MinQueueBytes,
	})
	n := 0
	for refused := 0; refused < 1000; {
		err := r.Record(&exchange, []keyuse.Use{use(n + 1)}, keyuse.Reservation{})
		switch {
		case err == nil:
			n, refused = n+1, 0
		case !errors.Is(err, keyuse.ErrFull):
			t.Fatal(err)
		case r.Stats().SpoolBytes > keyuse.MinSpoolBytes*9/10:
			refused++
		}
	}
	s := r.Stats()
	if s.Dropped != 0 || s.SpoolBytes > keyuse.MinSpoolBytes || s.QueueBytes > keyuse.MinQueueBytes || s.Recorded != uint64(n) {
		t.Errorf("stats %+v", s)
	}
	c.Resume()
	flush(t, r)
	record(t, r, n+1, n+1)
	flush(t, r)
	wantFields(t, c.Spans(), n+1)
}

// TestBestEffortCounts drops what finds no room, and knows how much.
func TestBestEffortCounts(t *testing.T) {
	c := keyusetest.Start(t)
	c.Refuse(codes.Unavailable)
	r := open(t, keyuse.Options{Getenv: c.Getenv, QueueBytes: keyuse.MinQueueBytes})
	record(t, r, 1, 1000)
	s := r.Stats()
	if s.Dropped == 0 || s.Recorded == 0 || s.Dropped+s.Recorded != 1000 {
		t.Errorf("stats %+v", s)
	}
	c.Resume()
	flush(t, r)
	wantFields(t, c.Spans(), int(s.Recorded))
}

// TestReservation holds that what was reserved can be recorded, whatever others
// do.
func TestReservation(t *testing.T) {
	c := keyusetest.Start(t)
	c.Refuse(codes.Unavailable)
	r := open(t, keyuse.Options{Required: true, Getenv: c.Getenv, QueueBytes: keyuse.MinQueueBytes})
	res, err := r.Reserve(keyuse.Reservation{}, 1)
	if err == nil {
		res, err = r.Reserve(res, 4)
	}
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	x := exchange
	for refused := 0; refused < 10; refused++ {
		for x.Caller = fmt.Sprint("caller ", refused); r.Record(&x, []keyuse.Use{use(n + 1)}, keyuse.Reservation{}) == nil; {
			n++
		}
	}
	if _, err := r.Reserve(keyuse.Reservation{}, 1); err != keyuse.ErrFull {
		t.Errorf("Reserve when full: %v", err)
	}
	uses := make([]keyuse.Use, 5)
	for i := range uses {
		uses[i] = use(n + 1 + i)
	}
	if err := r.Record(&exchange, uses, res); err != nil {
		t.Errorf("reserved, and yet: %v", err)
	}
	c.Resume()
	flush(t, r)
	wantFields(t, c.Spans(), n+5)
	for range 1000 { // a reservation that was given back is free for others
		res, err := r.Reserve(keyuse.Reservation{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Record(&exchange, nil, res); err != nil {
			t.Fatal(err)
		}
	}
}

// TestManyUsesAtOnce takes or refuses the uses of one direction as a whole, and
// cuts them into batches that collectors accept.
func TestManyUsesAtOnce(t *testing.T) {
	c := keyusetest.Start(t)
	r := open(t, keyuse.Options{Required: true, Getenv: c.Getenv})
	uses := make([]keyuse.Use, 10_000)
	for i := range uses {
		uses[i] = use(i + 1)
	}
	if err := r.Record(&exchange, uses, keyuse.Reservation{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Record(&exchange, append(uses, uses...), keyuse.Reservation{}); err != keyuse.ErrFull {
		t.Errorf("more than the queue holds: %v", err)
	}
	flush(t, r)
	wantFields(t, c.Spans(), 10_000)
	if c.Requests() < 20 {
		t.Errorf("%d requests for 5 MB", c.Requests())
	}
}

func TestPartialSuccess(t *testing.T) {
	protocols(t, func(t *testing.T, c *keyusetest.Collector, env func(string) string) {
		r := open(t, keyuse.Options{Required: true, Getenv: env})
		c.Reject(3)
		uses := make([]keyuse.Use, 10)
		for i := range uses {
			uses[i] = use(i + 1)
		}
		if err := r.Record(&exchange, uses, keyuse.Reservation{}); err != nil {
			t.Fatal(err)
		}
		flush(t, r)
		if s := r.Stats(); s.Refused != 3 || s.Exported != 7 {
			t.Errorf("stats %+v", s)
		}
		wantFields(t, c.Spans(), 7)
	})
}

// TestConcurrentRecords holds that each span arrives once, from many goroutines
// and through a collector that fails now and then.
func TestConcurrentRecords(t *testing.T) {
	const workers, each = 8, 500
	c := keyusetest.Start(t)
	r := open(t, keyuse.Options{Required: true, Getenv: c.Getenv, SpoolDir: t.TempDir(), QueueBytes: 256 << 10})
	done := make(chan struct{})
	for w := range workers {
		go func() {
			defer func() { done <- struct{}{} }()
			recordPatiently(t, r, w*each+1, w*each+each)
		}()
	}
	c.Refuse(codes.Unavailable)
	c.WaitRequests(2)
	c.Resume()
	for range workers {
		<-done
	}
	flush(t, r)
	seen := map[int64]int{}
	for _, s := range c.Spans() {
		seen[s.Attrs["sealmesh.fields"].(int64)]++
	}
	if len(seen) != workers*each || len(c.Spans()) != workers*each {
		t.Errorf("%d spans, %d distinct, want %d", len(c.Spans()), len(seen), workers*each)
	}
}

func TestConsole(t *testing.T) {
	var out bytes.Buffer
	r := open(t, keyuse.Options{Required: true, Console: &out, Getenv: func(name string) string {
		return map[string]string{"OTEL_TRACES_EXPORTER": "console"}[name]
	}})
	failed := use(2)
	failed.ErrorType = "key_denied"
	if err := r.Record(&exchange, []keyuse.Use{use(1), failed}, keyuse.Reservation{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	if len(lines) != 2 || !bytes.Contains(lines[0], []byte(`"sealmesh.tags":["pii","pii.email"]`)) ||
		!bytes.Contains(lines[1], []byte(`"error.type":"key_denied"`)) || !bytes.Contains(lines[0], []byte(`"start":"2023-11-14T22:13:20Z"`)) {
		t.Errorf("console:\n%s", out.String())
	}
}
