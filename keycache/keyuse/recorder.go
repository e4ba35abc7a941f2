package keyuse

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
	"github.com/sealmesh/sealmesh/keycache/keyuse/spool"
)

// A Recorder queues, spools and exports key uses. It is safe for concurrent
// use.
type Recorder struct {
	required bool
	offline  bool          // there is no collector: the spool is the record
	resource []byte        // encoded
	delay    time.Duration // before a batch that is not full is sent
	log      *slog.Logger
	exporter otlp.Exporter

	queue    *queue
	spool    *spool.Spool // nil for none
	attempts *attempts
	scratch  sync.Pool

	recorded, exported, spooled, dropped, refused atomic.Uint64

	full       atomic.Bool // the last Record found no room
	down       atomic.Bool // the last export failed
	spoolFails atomic.Bool // the last write to the spool failed

	stop      chan struct{} // closed by Close
	sending   worker
	spilling  worker
	closeOnce sync.Once
	closeErr  error
}

// scratchBytes is the initial size of a pooled encoding buffer.
const scratchBytes = 8 << 10

// Record queues the uses of one direction: all or none. It waits only for a
// mutex that is held during a copy. reserved is the room that Reserve granted
// for them; Record always gives it back.
//
// With Options.Required it returns [ErrFull] if queue and spool are full, or if
// the queue is more than half full and the caller already has a quarter of it.
// Otherwise it counts the loss and returns nil. After Close it returns
// [ErrClosed], and counts reserved uses as lost: their key has been used.
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
		r.log.Info("recording key uses again")
	}
	return nil
}

// refuse counts uses that found no room and logs the first of a series. passed
// means that the uses have already happened, so an error cannot prevent them.
func (r *Recorder) refuse(err error, n int, passed bool) error {
	if !r.full.Swap(true) {
		r.log.Error("cannot record key uses", "error", err, "required", r.required)
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

// A Reservation is room for spans that will be recorded later. Record gives it
// back, also with no uses. The zero value reserves nothing.
type Reservation struct{ bytes int64 }

// Reserve extends have by room for n spans, at 2 KiB each. It returns have and
// [ErrFull] if the queue is full or if all reservations together exceed
// Options.QueueBytes. Reservations do not reduce the room for uses that are
// recorded at once. If recording is not required, Reserve never fails, and
// reserves nothing if there is no room.
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

// Stats returns the current counters.
func (r *Recorder) Stats() Stats {
	s := Stats{
		Recorded: r.recorded.Load(), Exported: r.exported.Load(), Spooled: r.spooled.Load(),
		Dropped: r.dropped.Load(), Refused: r.refused.Load(),
		QueueBytes: r.queue.used(),
		Down:       r.down.Load(),
		SpoolFails: r.spoolFails.Load(),
	}
	if r.spool != nil {
		s.SpoolBytes, s.DamagedBytes = r.spool.Size()
	}
	return s
}
