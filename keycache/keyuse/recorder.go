package keyuse

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A Recorder queues, spools and exports key uses. Safe for concurrent use.
type Recorder struct {
	required bool
	offline  bool          // there is no collector: the spool is the record
	resource []byte        // encoded
	delay    time.Duration // how long a batch that is not full may wait
	log      *slog.Logger
	exporter exporter

	queue    *queue
	spool    *spool // nil for none
	attempts *attempts
	scratch  sync.Pool

	recorded, exported, spooled, dropped, refused atomic.Uint64

	full       atomic.Bool // the last Record found no room
	down       atomic.Bool // the last attempt failed
	permanent  bool        // for good; the sender's own
	spoolFails atomic.Bool // the last attempt to write to the spool failed

	stop      chan struct{} // closed by Close
	sender    worker
	spiller   worker
	closeOnce sync.Once
	closeErr  error
}

// scratchBytes is the room that a pooled encoding buffer starts with.
const scratchBytes = 8 << 10

// Record queues the uses of one direction: all or none. It waits for nothing
// but a mutex that is held for a copy. reserved is what Reserve granted for them before,
// and is given back in any case. With Options.Required it returns [ErrFull] when neither
// queue nor spool has room, or the caller has had its quarter of a queue that is more than
// half full; otherwise it counts the loss and returns nil. After Close it
// returns [ErrClosed], and counts as lost what was reserved: its key is used.
func (r *Recorder) Record(x *Exchange, uses []Use, reserved Reservation) error {
	buf := r.scratch.Get().(*[]byte)
	b := appendSpans((*buf)[:0], x, uses)
	err := r.queue.add(b, len(uses), reserved.bytes, x.Caller)
	if cap(b) <= maxBatch {
		*buf = b
	}
	r.scratch.Put(buf)
	if err != nil {
		return r.refuse(err, len(uses), reserved != Reservation{})
	}
	r.recorded.Add(uint64(len(uses)))
	if r.full.Load() && r.full.CompareAndSwap(true, false) {
		r.log.Info("key uses are recorded again")
	}
	return nil
}

// refuse counts uses that found no room, and logs the first of a run of them. passed says
// that they cannot be refused any more.
func (r *Recorder) refuse(err error, n int, passed bool) error {
	if !r.full.Swap(true) {
		r.log.Error("key uses are not recorded", "error", err, "required", r.required)
	}
	if r.required && !passed {
		return err
	}
	r.dropped.Add(uint64(n))
	if errors.Is(err, ErrFull) {
		return nil
	}
	return err
}

// A Reservation is room for spans that are still to be recorded. It is given
// back by Record, also with no uses. The zero value is none.
type Reservation struct{ bytes int64 }

// Reserve grows have so that n more spans will surely be recorded, or returns
// have and [ErrFull]: while the queue is full, and when all reservations together
// take more than Options.QueueBytes, at 2 KiB a span. They take nothing from those who record
// at once. When recording is not required it always grants, but promises nothing if there
// is no room.
func (r *Recorder) Reserve(have Reservation, n int) (Reservation, error) {
	size := int64(n) * maxSpan
	if err := r.queue.reserve(size); err != nil {
		if errors.Is(err, ErrFull) && !r.required {
			return have, nil
		}
		return have, err
	}
	have.bytes += size
	return have, nil
}

// Stats returns the counters now.
func (r *Recorder) Stats() Stats {
	s := Stats{
		Recorded: r.recorded.Load(), Exported: r.exported.Load(), Spooled: r.spooled.Load(),
		Dropped: r.dropped.Load(), Refused: r.refused.Load(),
		QueueBytes: r.queue.used(),
		Down:       r.down.Load(),
		SpoolFails: r.spoolFails.Load(),
	}
	if r.spool != nil {
		s.SpoolBytes, s.DamagedBytes = r.spool.size()
	}
	return s
}
