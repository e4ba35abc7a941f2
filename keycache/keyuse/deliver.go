package keyuse

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
	"github.com/sealmesh/sealmesh/keycache/keyuse/spool"
)

// Delays between attempts. The OTLP specification asks for exponential back-off
// with jitter. A longer delay that the collector asks for wins, up to maxAsked.
const (
	minBackoff  = 100 * time.Millisecond
	maxBackoff  = 30 * time.Second
	slowBackoff = time.Second // the first one after a permanent refusal
	maxSlow     = time.Minute
	maxAsked    = 10 * time.Minute
	maxBatch    = 200 << 10 // bytes; collectors accept 4 MiB by default
	// maxReads is how often a failing disk is asked for a batch: for at least
	// 12 s.
	maxReads = 9
)

// A sender delivers the queue of a recorder. One goroutine runs it.
type sender struct {
	*Recorder
	permanent bool // the last failure was permanent
}

// send delivers batches in order until the queue is closed and empty or ctx
// ends.
func (r *sender) send(ctx context.Context) {
	for {
		b := r.queue.head(ctx, r.delay)
		if b == nil {
			return
		}
		if !r.deliver(ctx, b) {
			return
		}
	}
}

// deliver sends one batch until it is acknowledged or lost. It reports false if
// the recorder stops first; the batch then stays where it is.
func (r *sender) deliver(ctx context.Context, b *batch) bool {
	reads := 0
	for attempt := 0; ; attempt++ {
		a, err := r.attempt(ctx, b, &reads)
		if err == nil {
			r.acknowledge(b, a, attempt == 0)
			return true
		}
		if r.hopeless(err) {
			r.lose(b, err)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		r.fail(err)
		if r.closing() && r.spool != nil {
			return false // Close moves it to the spool
		}
		if !r.pause(ctx, backoff(attempt, err)) {
			return false
		}
	}
}

// attempt sends a batch once. reads counts failed reads of the spool.
func (r *sender) attempt(ctx context.Context, b *batch, reads *int) (otlp.Answer, *otlp.Error) {
	req, err := r.load(b)
	if e, ok := errors.AsType[*spool.ReadError](err); ok {
		if *reads++; *reads == maxReads {
			err = e.Lasting()
		}
	}
	if err != nil {
		return otlp.Answer{}, &otlp.Error{Err: err}
	}
	a, err := r.exporter.Export(ctx, req)
	if err == nil {
		return a, nil
	}
	if e, ok := errors.AsType[*otlp.Error](err); ok {
		return otlp.Answer{}, e
	}
	return otlp.Answer{}, &otlp.Error{Err: err}
}

// hopeless reports whether to give a batch up: if the disk has damaged it or,
// unless recording is required, if the collector refuses it permanently.
func (r *sender) hopeless(err *otlp.Error) bool {
	_, damaged := errors.AsType[*spool.DamageError](err)
	return damaged || err.Permanent && !r.required
}

// load makes the request of a batch, from memory or from the spool.
func (r *sender) load(b *batch) (*otlp.Request, error) {
	data, f := r.queue.load(b)
	if data != nil {
		return otlp.NewRequest(r.resource, data, b.spans), nil
	}
	data, err := f.Read()
	if err != nil {
		return nil, err
	}
	return otlp.NewRequest(otlp.ValidResource(f.Resource()), data, b.spans), nil
}

// acknowledge drops a batch that the collector has.
func (r *sender) acknowledge(b *batch, a otlp.Answer, clean bool) {
	rejected := min(a.Rejected, uint64(b.spans))
	r.exported.Add(uint64(b.spans) - rejected)
	switch {
	case rejected > 0:
		r.refused.Add(rejected)
		r.log.Error("collector refused some key-use spans of a batch; they are lost", "refused", rejected, "batch", b.spans, "message", a.Message)
	case a.Message != "":
		r.log.Warn("collector took key-use spans with a warning", "message", a.Message)
	}
	if r.down.Swap(false) {
		r.log.Info("collector takes key-use spans again")
	}
	r.finish(b, clean) // last: it wakes those that read the counters
}

// lose gives a batch up, counts it and logs it.
func (r *sender) lose(b *batch, err error) {
	r.dropped.Add(uint64(b.spans))
	r.log.Error("key-use spans are lost", "spans", b.spans, "error", err)
	if _, damaged := errors.AsType[*spool.DamageError](err); damaged {
		_, f := r.queue.load(b)
		if err := r.spool.Spoil(f); err != nil {
			r.noteSpool(err)
		}
	}
	r.finish(b, false)
}

// finish removes the head of the queue and its frame.
func (r *Recorder) finish(b *batch, clean bool) {
	if f := r.queue.drop(b, clean); f != nil {
		r.release(f)
	}
}

func (r *Recorder) release(f *spool.Frame) {
	if err := r.spool.Release(f); err != nil {
		r.log.Warn("key-use spool: cannot mark acknowledged spans; they may be sent again after a restart", "error", err)
	}
}

// fail notes that an export failed. From now on spans go to the spool as they
// arrive.
func (r *sender) fail(err *otlp.Error) {
	if _, unread := errors.AsType[*spool.ReadError](err); unread {
		r.log.Warn("key-use spool: cannot read spans; retrying", "error", err)
		return
	}
	if r.down.Swap(true) && r.permanent == err.Permanent {
		return
	}
	r.permanent = err.Permanent
	if err.Permanent {
		r.log.Error("collector rejects key-use spans; retrying. Check its configuration and OTEL_EXPORTER_OTLP_*", "error", err)
	} else {
		r.log.Warn("collector unavailable for key-use spans; retrying", "error", err)
	}
	signal(r.queue.press)
}

// backoff returns the delay after a failed attempt, counted from 0.
func backoff(attempt int, err *otlp.Error) time.Duration {
	d := min(minBackoff<<min(attempt, 20), maxBackoff)
	if err.Permanent {
		d = min(slowBackoff<<min(attempt, 20), maxSlow)
	}
	d = d/2 + rand.N(d/2)
	return max(d, min(err.After, maxAsked))
}

// pause waits for d. It reports false if ctx ends first. Close ends the wait.
func (r *sender) pause(ctx context.Context, d time.Duration) bool {
	wait := r.stop
	if r.closing() {
		wait = nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wait:
	case <-ctx.Done():
		return false
	}
	return true
}
