package keyuse

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"
)

// A batch is a run of encoded spans, in order of arrival: in memory (data), in
// the spool (frame), or both while it is on its way.
type batch struct {
	spans int
	data  []byte
	frame frame
	done  bool // acknowledged, or given up
	// spilling says that the spiller reads data without the lock.
	spilling bool
}

// A queue is the one order of all spans that no collector has acknowledged yet.
// Its oldest batches may lie in the spool, the others in memory.
type queue struct {
	mu       sync.Mutex
	cur      []byte // being filled
	curSpans int
	pending  []*batch // sealed, oldest first
	onDisk   int      // so many of pending, the oldest, have a frame
	bytes    int64    // spans in memory
	reserved int64
	closed   bool
	waiters  []waiter
	free     [][]byte // buffers to use again

	limit     int64
	batchSize int
	ready     chan struct{} // wakes the sender
	press     chan struct{} // wakes the spiller
}

// maxFree is how many batch buffers are kept for use again.
const maxFree = 4

type waiter struct {
	last *batch
	done chan struct{}
}

func newQueue(limit int64) *queue {
	return &queue{
		limit:     limit,
		batchSize: int(min(maxBatch, limit/8)),
		ready:     make(chan struct{}, 1),
		press:     make(chan struct{}, 1),
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// add takes encoded spans, all or none, and gives a reservation back.
func (q *queue) add(b []byte, spans int, reserved int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved -= reserved
	if q.closed {
		return ErrClosed
	}
	if q.bytes+q.reserved+int64(len(b)) > q.limit {
		return ErrFull
	}
	if len(b) == 0 {
		return nil
	}
	q.bytes += int64(len(b))
	if len(q.cur) == 0 {
		signal(q.ready)
	}
	if len(q.cur)+len(b) > q.batchSize {
		q.split(b)
	} else {
		q.fill(b, spans)
	}
	if q.bytes > q.limit/2 {
		signal(q.press)
	}
	return nil
}

// split fills batches span by span, since no batch may outgrow what collectors accept.
func (q *queue) split(b []byte) {
	for len(b) > 0 {
		size, n := binary.Uvarint(b[1:])
		one := 1 + n + int(size)
		if len(q.cur)+one > q.batchSize {
			q.seal()
		}
		q.fill(b[:one], 1)
		b = b[one:]
	}
}

func (q *queue) fill(b []byte, spans int) {
	if n := len(q.free); q.cur == nil && n > 0 {
		q.cur, q.free = q.free[n-1], q.free[:n-1]
	}
	if q.cur == nil {
		q.cur = make([]byte, 0, q.batchSize)
	}
	q.cur = append(q.cur, b...)
	q.curSpans += spans
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

// reserve takes n bytes of the limit.
func (q *queue) reserve(n int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case q.bytes+q.reserved+n > q.limit:
		signal(q.press)
		return ErrFull
	}
	q.reserved += n
	return nil
}

// head waits for the oldest batch. A batch that is not full leaves after delay.
// nil means that ctx has ended, or that the queue is closed and empty.
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

// load returns the bytes of b when they are in memory.
func (q *queue) load(b *batch) ([]byte, frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return b.data, b.frame
}

// drop takes the head off. clean says that nobody can still read its bytes. It
// returns the frame to release, if there is one.
func (q *queue) drop(b *batch, clean bool) frame {
	q.mu.Lock()
	defer q.mu.Unlock()
	b.done = true
	q.pending[0] = nil
	q.pending = q.pending[1:]
	if b.frame.seg != nil {
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

// flushed returns a channel that is closed when everything queued so far is gone.
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

// inMemory returns up to a few sealed batches that are not in the spool yet,
// oldest first. Unless all is set it returns none while memory is less than half full.
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

// moved says that b, the oldest batch in memory, now has a frame. It reports
// false when b was acknowledged meanwhile, and the frame must go.
func (q *queue) moved(b *batch, f frame) bool {
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

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	signal(q.ready)
}

// restore queues what was found in the spool, before anything else is added,
// and returns how many spans that is.
func (q *queue) restore(found []stored) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	spans := 0
	for _, f := range found {
		q.pending = append(q.pending, &batch{spans: f.spans, frame: f.frame})
		spans += f.spans
	}
	q.onDisk = len(q.pending)
	return spans
}

// abandon gives up what is only in memory, and returns how many spans that is.
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

// used returns the bytes of spans in memory.
func (q *queue) used() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}
