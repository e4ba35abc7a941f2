package keyuse

import (
	"context"
	"errors"
	"fmt"
)

// Open starts a recorder with the exporter that OTEL_EXPORTER_OTLP_* name, and
// begins to send what an earlier process left in the spool. It does not wait for the
// collector. An error names the variable or the directory at fault.
func Open(opt Options) (*Recorder, error) {
	opt, err := opt.complete()
	if err != nil {
		return nil, err
	}
	dest, err := destinationFrom(opt.Getenv, opt.Resource)
	if err != nil {
		return nil, err
	}
	if dest.kind == toNowhere && opt.SpoolDir == "" {
		return nil, errors.New("key uses: OTEL_TRACES_EXPORTER is none and there is no spool, so they would be recorded nowhere: name a spool directory")
	}
	out, err := dest.open(&opt)
	if err != nil {
		return nil, err
	}
	r, err := open(opt, dest, out)
	if err != nil {
		return nil, errors.Join(err, out.close())
	}
	return r, nil
}

// open starts a recorder of complete options.
func open(opt Options, dest destination, out exporter) (*Recorder, error) {
	r := &Recorder{
		required: opt.Required,
		offline:  dest.kind == toNowhere,
		resource: appendResource(nil, dest.resource),
		delay:    dest.delay,
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
		r.sender = start(r.send)
	}
	if r.spool != nil {
		r.spiller = start(r.spill)
	}
	return r, nil
}

// replay opens the spool and queues what is in it.
func (r *Recorder) replay(opt Options) error {
	s, found, notes, err := openSpool(opt, r.resource)
	if err != nil {
		return err
	}
	r.spool = s
	for _, note := range notes {
		r.log.Error(note.Error())
		if _, damaged := errors.AsType[*damageError](note); damaged {
			r.dropped.Add(1) // nobody can tell how many
		}
	}
	spans := r.queue.restore(found)
	if spans > 0 {
		r.log.Info("key-use spool: sending what an earlier process left", "spans", spans)
	}
	return nil
}

// Flush waits until everything recorded so far is acknowledged (or, by its
// count in Stats, lost), or ctx ends.
func (r *Recorder) Flush(ctx context.Context) error {
	r.attempts.flush(true)
	select {
	case <-r.queue.flushed():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("flush key uses: %w", context.Cause(ctx))
	}
}

// Close sends what is queued until ctx ends, spools the rest, and stops. It
// does not wait for a collector that fails when there is a spool to keep the rest. The
// error tells how many spans are lost. Later calls return the first result.
func (r *Recorder) Close(ctx context.Context) error {
	r.closeOnce.Do(func() { r.closeErr = r.close(ctx) })
	return r.closeErr
}

func (r *Recorder) close(ctx context.Context) error {
	r.attempts.end()
	r.queue.close()
	close(r.stop)
	r.sender.wait(ctx)
	r.spiller.end()
	r.queue.sealNow()
	if r.spool != nil {
		// A write that fails costs its file, so another attempt may go better.
		for drained, tries := false, 0; !drained && tries < 3; tries++ {
			drained = r.drain(true)
		}
	}
	var errs []error
	if n := r.queue.abandon(); n > 0 {
		r.dropped.Add(uint64(n))
		errs = append(errs, fmt.Errorf("key uses: %d spans are lost: the collector did not take them in time, and no spool did", n))
	}
	if r.spool != nil {
		errs = append(errs, r.spool.close())
	}
	return errors.Join(append(errs, r.exporter.close())...)
}

func (r *Recorder) closing() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}
