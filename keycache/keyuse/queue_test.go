package keyuse

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
	"github.com/sealmesh/sealmesh/keycache/keyuse/spool"
)

func addSpans(t *testing.T, q *queue, n int) {
	t.Helper()
	for range n {
		if err := q.add(appendSpans(nil, &benchExchange, []Use{benchUse}), 1, 0, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAcknowledgedWhileSpilled is the race between sender and spiller, step by
// step: a batch may be acknowledged while it is being written to the spool.
func TestAcknowledgedWhileSpilled(t *testing.T) {
	q := newQueue(MinQueueBytes)
	addSpans(t, q, 30) // more than one batch
	q.sealNow()
	spilled := q.inMemory(true)
	if len(spilled) < 2 {
		t.Fatalf("%d batches", len(spilled))
	}
	first, second := spilled[0], spilled[1]
	if head := q.head(t.Context(), time.Hour); head != first {
		t.Fatal("another batch is sent than the oldest")
	}
	if f := q.drop(first, true); f != nil || len(q.free) != 0 {
		t.Error("the buffer is used again while the spiller reads it")
	}
	one, two := new(spool.Frame), new(spool.Frame)
	if q.moved(first, one) {
		t.Error("an acknowledged batch is kept in the spool")
	}
	if !q.moved(second, two) || q.onDisk != 1 {
		t.Error("the next batch is not")
	}
	if data, f := q.load(second); data != nil || f != two {
		t.Error("a spooled batch stays in memory")
	}
	if f := q.drop(second, true); f != two || q.onDisk != 0 {
		t.Errorf("frame %v, %d on disk", f, q.onDisk)
	}
	if more := q.inMemory(true); len(more) != len(spilled)-2 {
		t.Errorf("%d batches in memory, want %d", len(more), len(spilled)-2)
	}
	for len(q.pending) > 0 {
		q.drop(q.pending[0], true)
	}
	if q.used() != 0 {
		t.Errorf("an empty queue counts %d bytes", q.used())
	}
}

// TestQueueIsFair fills the queue as one caller can, while no collector takes
// anything: there is room for others, and for that caller again when the queue
// is half empty.
func TestQueueIsFair(t *testing.T) {
	q := newQueue(MinQueueBytes)
	b := appendSpans(nil, &benchExchange, []Use{benchUse})
	fill := func(caller string) (bytes int64) {
		for q.add(b, 1, 0, caller) == nil {
			bytes += int64(len(b))
		}
		return bytes
	}
	n, slack := fill("2001:db8::1"), int64(len(b))
	for _, other := range []string{"2001:db8::2", "2001:db8::3"} { // whose owner has them all
		n += fill(other)
	}
	if n > q.limit*3/4+slack || n < q.limit*3/4-2*slack {
		t.Errorf("one caller takes %d bytes of %d", n, q.limit)
	}
	for _, caller := range []string{"a", "b"} {
		if q.add(b, 1, 0, caller) != nil {
			t.Errorf("%s finds no room", caller)
		}
	}
	if fill("a"); q.bytes+int64(len(b)) <= q.limit {
		t.Errorf("%d bytes of %d stay empty", q.limit-q.bytes, q.limit)
	}
	for q.bytes > q.limit/2 {
		q.drop(q.pending[0], true)
	}
	if q.add(b, 1, 0, "2001:db8::1") != nil || len(q.shares) != 0 {
		t.Errorf("the greedy caller is out for good: %v", q.shares)
	}
}

// TestBatchSize holds that no batch outgrows its size, whatever comes at once.
func TestBatchSize(t *testing.T) {
	q := newQueue(1 << 20)
	for n := range 200 {
		uses := make([]Use, n)
		if err := q.add(appendSpans(nil, &benchExchange, uses), n, 0, ""); err == ErrFull {
			break
		}
	}
	q.sealNow()
	var size int64
	for i, b := range q.pending {
		size += int64(len(b.data))
		if len(b.data) > q.batchSize || cap(b.data) != q.batchSize {
			t.Errorf("batch %d has %d bytes in %d, want at most %d", i, len(b.data), cap(b.data), q.batchSize)
		}
		if n := len(fieldsOf(&otlp.Request{Body: b.data})); n != b.spans {
			t.Errorf("batch %d has %d spans, counts %d", i, n, b.spans)
		}
	}
	if size != q.used() {
		t.Errorf("%d bytes, %d counted", size, q.used())
	}
}

// TestLogsHoldNoCredentials fails in every way that is logged, with credentials
// in the endpoint and in a header.
func TestLogsHoldNoCredentials(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	addr := server.Listener.Addr().String()
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		for _, target := range []string{addr, "127.0.0.1:1"} {
			var log bytes.Buffer
			r, err := Open(Options{
				Required: true, Log: slog.New(slog.NewTextHandler(&log, nil)),
				Getenv: from("ENDPOINT=http://user:hunter2@" + target + " PROTOCOL=" + protocol + " HEADERS=authorization=hunter2"),
			})
			if err != nil {
				t.Fatal(err)
			}
			recordFields(t, r, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			err = r.Close(ctx)
			cancel()
			if err == nil || log.Len() == 0 || strings.Contains(log.String()+err.Error(), "hunter2") {
				t.Errorf("%s to %s: %v, log:\n%s", protocol, target, err, &log)
			}
		}
	}
	server.Close()
}
