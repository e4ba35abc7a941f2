package keyuse

import (
	"context"
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/keycache/keyuse/spool"
)

// A batch is a run of encoded spans in order of arrival. It is in memory
// (data), in the spool (frame), or both while it is written to the spool.
type batch struct {
	spans int
	data  []byte
	frame *spool.Frame
	done  bool // acknowledged or given up
	// spilling: the spiller reads data without the lock.
	spilling bool
}

// A queue holds all unacknowledged spans in their order. The oldest batches may
// be in the spool, the others are in memory.
type queue struct {
	mu       sync.Mutex
	cur      []byte // the batch being filled
	curSpans int
	pending  []*batch // sealed, oldest first
	onDisk   int      // number of the oldest pending batches that have a frame
	bytes    int64    // spans in memory
	reserved int64
	shares   map[string]int64 // bytes of each caller since the queue was half full
	closed   bool
	waiters  []waiter
	free     [][]byte // buffers for reuse

	limit     int64
	batchSize int
	ready     chan struct{} // wakes the sender
	press     chan struct{} // wakes the spiller
}

// maxFree is the largest number of batch buffers kept for reuse.
const maxFree = 4

// A waiter waits until the batch last is gone.
type waiter struct {
	last *batch
	done chan struct{}
}

func newQueue(limit int64) *queue {
	return &queue{
		shares:    map[string]int64{},
		limit:     limit,
		batchSize: int(min(maxBatch, limit/8)),
		ready:     make(chan struct{}, 1),
		press:     make(chan struct{}, 1),
	}
}

// signal wakes the reader of c, or leaves a note for its next read.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// seal ends the batch being filled. The caller holds the lock.
func (q *queue) seal() {
	if len(q.cur) == 0 {
		return
	}
	q.pending = append(q.pending, &batch{spans: q.curSpans, data: q.cur})
	q.cur, q.curSpans = nil, 0
	signal(q.ready)
}

func (q *queue) sealNow() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seal()
}

// head waits for the oldest batch and returns it. A batch that is not full is
// sealed after delay. nil means that ctx has ended, or that the queue is closed
// and empty.
func (q *queue) head(ctx context.Context, delay time.Duration) *batch {
	for ctx.Err() == nil {
		q.mu.Lock()
		if q.closed {
			q.seal()
		}
		if len(q.pending) > 0 {
			b := q.pending[0]
			q.mu.Unlock()
			return b
		}
		closed, filling := q.closed, len(q.cur) > 0
		q.mu.Unlock()
		if closed {
			return nil
		}
		q.await(ctx, delay, filling)
	}
	return nil
}

// await waits for a batch, for ctx, or for delay if a batch is being filled.
func (q *queue) await(ctx context.Context, delay time.Duration, filling bool) {
	var due <-chan time.Time
	if filling {
		due = time.After(delay)
	}
	select {
	case <-q.ready:
	case <-due:
		q.sealNow()
	case <-ctx.Done():
	}
}

// load returns the bytes of b if they are in memory, and its frame.
func (q *queue) load(b *batch) ([]byte, *spool.Frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return b.data, b.frame
}

// drop removes the head. clean means that no export can still read its bytes.
// It returns the frame to release, or nil.
func (q *queue) drop(b *batch, clean bool) *spool.Frame {
	q.mu.Lock()
	defer q.mu.Unlock()
	b.done = true
	q.pending[0] = nil
	q.pending = q.pending[1:]
	if b.frame != nil {
		q.onDisk--
	}
	if b.data != nil {
		q.bytes -= int64(len(b.data))
		if clean && !b.spilling && len(q.free) < maxFree {
			q.free = append(q.free, b.data[:0])
		}
	}
	q.waiters = wake(q.waiters, b)
	return b.frame
}

// wake closes the channels of those that wait for b, and returns the others.
func wake(waiters []waiter, b *batch) []waiter {
	left := waiters[:0]
	for _, w := range waiters {
		if w.last == b {
			close(w.done)
		} else {
			left = append(left, w)
		}
	}
	return left
}

// flushed returns a channel that is closed when everything queued so far is
// gone.
func (q *queue) flushed() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seal()
	done := make(chan struct{})
	if len(q.pending) == 0 {
		close(done)
		return done
	}
	q.waiters = append(q.waiters, waiter{q.pending[len(q.pending)-1], done})
	return done
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	signal(q.ready)
}

// used returns the bytes of spans in memory.
func (q *queue) used() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}
