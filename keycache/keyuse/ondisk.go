package keyuse

import (
	"slices"

	"github.com/sealmesh/sealmesh/keycache/keyuse/spool"
)

// restore queues the batches of earlier processes, before any other, and
// returns the number of their spans.
func (q *queue) restore(found []spool.Stored) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	spans := 0
	for _, f := range found {
		q.pending = append(q.pending, &batch{spans: f.Spans, frame: f.Frame})
		spans += f.Spans
	}
	q.onDisk = len(q.pending)
	return spans
}

// abandon drops what is only in memory, and returns the number of its spans.
func (q *queue) abandon() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	spans := 0
	for _, b := range q.pending[q.onDisk:] {
		spans += b.spans
	}
	q.pending = q.pending[:q.onDisk]
	q.bytes = 0
	return spans
}

// inMemory returns some of the oldest sealed batches that are not in the spool.
// Unless all is set it returns none while memory is less than half full.
func (q *queue) inMemory(all bool) []*batch {
	const round = 16
	q.mu.Lock()
	defer q.mu.Unlock()
	if !all && q.bytes <= q.limit/2 {
		return nil
	}
	rest := q.pending[q.onDisk:]
	batches := slices.Clone(rest[:min(len(rest), round)])
	for _, b := range batches {
		b.spilling = true
	}
	return batches
}

// moved records that b, the oldest batch in memory, now has a frame. It reports
// false if b was acknowledged in the meantime; the caller then releases the
// frame.
func (q *queue) moved(b *batch, f *spool.Frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if b.done {
		return false
	}
	b.frame = f
	q.onDisk++
	q.bytes -= int64(len(b.data))
	b.data = nil
	return true
}
