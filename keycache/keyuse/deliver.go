package keyuse

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Waits between attempts. The OTLP specification asks for exponential back-off
// with jitter; what the collector asks for takes precedence, up to maxAsked.
const (
	minBackoff   = 100 * time.Millisecond
	maxBackoff   = 30 * time.Second
	slowBackoff  = time.Second // the first one after a refusal that repeating hardly mends
	maxSlow      = time.Minute
	maxAsked     = 10 * time.Minute
	maxBatch     = 200 << 10 // bytes; collectors accept 4 MiB by default
	defaultDelay = time.Second
	// maxReads is how often a batch is looked for on a disk that fails, in 12 s at least.
	maxReads = 9
)

// A sendError is an attempt that no acknowledgement answered.
type sendError struct {
	permanent bool          // the collector will say the same again until an operator acts
	after     time.Duration // what the collector asked to wait
	err       error
}

func (e *sendError) Error() string { return e.err.Error() }
func (e *sendError) Unwrap() error { return e.err }

// send delivers batch after batch, in order, until the queue is closed and empty
// or ctx ends.
func (r *Recorder) send(ctx context.Context) {
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

// deliver sends one batch until it is acknowledged. It reports false when the
// recorder stops before that; the batch then stays where it is.
func (r *Recorder) deliver(ctx context.Context, b *batch) bool {
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
			return false // the spool keeps it better than the last seconds of a process
		}
		if !r.pause(ctx, backoff(attempt, err)) {
			return false
		}
	}
}

// attempt sends a batch once. reads counts how often the spool did not give it.
func (r *Recorder) attempt(ctx context.Context, b *batch, reads *int) (answer, *sendError) {
	req, err := r.load(b)
	if e, ok := errors.AsType[*readError](err); ok {
		if *reads++; *reads == maxReads {
			err = e.lasting()
		}
	}
	if err != nil {
		return answer{}, &sendError{err: err}
	}
	a, err := r.exporter.export(ctx, req)
	if err == nil {
		return a, nil
	}
	if e, ok := errors.AsType[*sendError](err); ok {
		return answer{}, e
	}
	return answer{}, &sendError{err: err}
}

// hopeless tells whether a batch is to be given up: one that the disk has spoilt,
// and, unless recording is required, one that the collector refuses for good.
func (r *Recorder) hopeless(err *sendError) bool {
	_, damaged := errors.AsType[*damageError](err)
	return damaged || err.permanent && !r.required
}

func (r *Recorder) load(b *batch) (*request, error) {
	data, f := r.queue.load(b)
	if data != nil {
		return newRequest(r.resource, data, b.spans), nil
	}
	data, err := f.read()
	if err != nil {
		return nil, err
	}
	return newRequest(f.seg.resource, data, b.spans), nil
}

// acknowledge forgets a batch that the collector has.
func (r *Recorder) acknowledge(b *batch, a answer, clean bool) {
	rejected := min(a.rejected, uint64(b.spans))
	r.exported.Add(uint64(b.spans) - rejected)
	switch {
	case rejected > 0:
		r.refused.Add(rejected)
		r.log.Error("the collector refused key-use spans of a batch", "refused", rejected, "batch", b.spans, "message", a.message)
	case a.message != "":
		r.log.Warn("the collector took key-use spans with a warning", "message", a.message)
	}
	if r.down.Swap(false) {
		r.log.Info("the collector takes key-use spans again")
	}
	r.finish(b, clean) // last: who waits for it then finds all the rest done
}

// lose gives a batch up, loudly.
func (r *Recorder) lose(b *batch, err error) {
	r.dropped.Add(uint64(b.spans))
	r.log.Error("key-use spans are lost", "spans", b.spans, "error", err)
	if _, damaged := errors.AsType[*damageError](err); damaged {
		_, f := r.queue.load(b)
		if err := r.spool.spoil(f); err != nil {
			r.noteSpool(err)
		}
	}
	r.finish(b, false)
}

func (r *Recorder) finish(b *batch, clean bool) {
	if f := r.queue.drop(b, clean); f.seg != nil {
		r.release(f)
	}
}

func (r *Recorder) release(f frame) {
	if err := r.spool.release(f); err != nil {
		r.log.Warn("key-use spool: acknowledged spans may be sent again after a restart", "error", err)
	}
}

// fail notes that the collector does not take spans: from now on, they go to
// the spool as they come.
func (r *Recorder) fail(err *sendError) {
	if _, unread := errors.AsType[*readError](err); unread {
		r.log.Warn("key-use spool: cannot read; spans wait for another attempt", "error", err)
		return
	}
	if r.down.Swap(true) && r.permanent == err.permanent {
		return
	}
	r.permanent = err.permanent
	if err.permanent {
		r.log.Error("the collector refuses key-use spans; they are kept and tried again: correct its configuration or ours", "error", err)
	} else {
		r.log.Warn("the collector does not take key-use spans; they are kept and sent later", "error", err)
	}
	signal(r.queue.press)
}

func backoff(attempt int, err *sendError) time.Duration {
	d := min(minBackoff<<min(attempt, 20), maxBackoff)
	if err.permanent {
		d = min(slowBackoff<<min(attempt, 20), maxSlow)
	}
	d = d/2 + rand.N(d/2)
	return max(d, min(err.after, maxAsked))
}

// pause waits, and reports false when ctx ends meanwhile. Close cuts it short.
func (r *Recorder) pause(ctx context.Context, d time.Duration) bool {
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
