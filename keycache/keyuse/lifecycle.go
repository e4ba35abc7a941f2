package keyuse

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
	"github.com/sealmesh/sealmesh/keycache/keyuse/spool"
)

// Open starts a recorder with the destination that OTEL_EXPORTER_OTLP_* name.
// It sends what earlier processes left in the spool. It does not wait for the
// collector. An error names the variable or the directory at fault.
func Open(opt Options) (*Recorder, error) {
	opt, err := opt.complete()
	if err != nil {
		return nil, err
	}
	dest, err := otlp.FromEnvironment(opt.Getenv, opt.Resource)
	if err != nil {
		return nil, err
	}
	if dest.Offline() && opt.SpoolDir == "" {
		return nil, errors.New("key uses: OTEL_TRACES_EXPORTER is none and there is no spool, so key uses would not be recorded: configure a spool directory")
	}
	out, err := dest.Open(opt.Console, opt.Log)
	if err != nil {
		return nil, err
	}
	r, err := open(opt, dest, out)
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return r, nil
}

// open starts a recorder. opt is complete.
func open(opt Options, dest otlp.Destination, out otlp.Exporter) (*Recorder, error) {
	r := &Recorder{
		required: opt.Required,
		offline:  dest.Offline(),
		resource: otlp.AppendResource(nil, dest.Resource),
		delay:    dest.Delay,
		log:      opt.Log,
		exporter: out,
		queue:    newQueue(opt.QueueBytes),
		stop:     make(chan struct{}),
	}
	r.attempts = newAttempts(r)
	r.scratch.New = func() any {
		b := make([]byte, 0, scratchBytes)
		return &b
	}
	if opt.SpoolDir != "" {
		if err := r.replay(opt); err != nil {
			return nil, err
		}
	}
	if !r.offline {
		r.sending = start((&sender{Recorder: r}).send)
	}
	if r.spool != nil {
		r.spilling = start(r.spill)
	}
	return r, nil
}

// replay opens the spool and queues what it holds.
func (r *Recorder) replay(opt Options) error {
	s, found, notes, err := spool.Open(spool.Options{Dir: opt.SpoolDir, Limit: opt.SpoolBytes, Resource: r.resource, Log: opt.Log, Disk: opt.disk})
	if err != nil {
		return err
	}
	r.spool = s
	for _, note := range notes {
		r.log.Error(note.Error())
		if _, damaged := errors.AsType[*spool.DamageError](note); damaged {
			r.dropped.Add(1) // the number of spans is unknown
		}
	}
	spans := r.queue.restore(found)
	if spans > 0 {
		r.log.Info("key-use spool: sending spans of earlier processes", "spans", spans)
	}
	return nil
}

// Flush waits until everything recorded so far is acknowledged or counted as
// lost. It returns an error if ctx ends first.
func (r *Recorder) Flush(ctx context.Context) error {
	r.attempts.flush(true)
	select {
	case <-r.queue.flushed():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("flush key uses: %w", context.Cause(ctx))
	}
}

// Close sends what is queued until ctx ends, moves the rest to the spool, and
// stops. With a spool it does not wait for a collector that fails. The error
// gives the number of lost spans. Later calls return the first result.
func (r *Recorder) Close(ctx context.Context) error {
	r.closeOnce.Do(func() { r.closeErr = r.close(ctx) })
	return r.closeErr
}

func (r *Recorder) close(ctx context.Context) error {
	r.attempts.end()
	r.queue.close()
	close(r.stop)
	r.sending.wait(ctx)
	r.spilling.end()
	r.queue.sealNow()
	if r.spool != nil {
		// A failed write abandons its file, so a retry may succeed.
		for drained, tries := false, 0; !drained && tries < 3; tries++ {
			drained = r.drain(true)
		}
	}
	var errs []error
	if n := r.queue.abandon(); n > 0 {
		r.dropped.Add(uint64(n))
		errs = append(errs, fmt.Errorf("key uses: %d spans are lost: the collector did not acknowledge them in time, and the spool could not store them", n))
	}
	if r.spool != nil {
		errs = append(errs, r.spool.Close())
	}
	return errors.Join(append(errs, r.exporter.Close())...)
}

// closing reports whether Close was called.
func (r *Recorder) closing() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}
