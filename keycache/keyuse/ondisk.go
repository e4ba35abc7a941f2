package keyuse

import "slices"

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
