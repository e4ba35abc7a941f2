package keyuse

import (
	"encoding/binary"
	"strings"
)

// add queues encoded spans, all or none, and gives a reservation back. Reserved
// spans have room even if the queue is full.
func (q *queue) add(b []byte, spans int, reserved int64, caller string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved -= reserved
	if q.closed {
		return ErrClosed
	}
	if more := int64(len(b)) - reserved; more > 0 && (q.bytes+more > q.limit || !q.share(caller, more)) {
		signal(q.press)
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

// share reports whether caller may add n bytes, and counts them. While the
// queue is more than half full, one caller gets at most a quarter of it, so
// that no caller can keep all others from being recorded.
func (q *queue) share(caller string, n int64) bool {
	if q.bytes <= q.limit/2 {
		if len(q.shares) > 0 {
			clear(q.shares)
		}
		return true
	}
	caller = Household(caller)
	have, known := q.shares[caller]
	if have+n > q.limit/4 {
		return false
	}
	if !known {
		caller = strings.Clone(caller) // it may share memory with a message that is freed
	}
	q.shares[caller] = have + n
	return true
}

// split fills batches span by span, because no batch may exceed what collectors
// accept.
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

// fill appends encoded spans to the current batch.
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

// grant reserves n bytes regardless of all limits.
func (q *queue) grant(n int64) Reservation {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved += n
	return Reservation{n}
}

// reserve takes n bytes of a second limit, which is as large as the limit of
// spans: so reservations of others never cause a refusal. It fails while the
// queue is full.
func (q *queue) reserve(n int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case q.bytes+maxSpan > q.limit || q.reserved+n > q.limit:
		signal(q.press)
		return ErrFull
	}
	q.reserved += n
	return nil
}
