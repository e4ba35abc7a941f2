package keyuse

import (
	"context"
	"errors"
	"time"
)

// spill moves batches from memory to the spool while the collector is away, or
// slower than the spans come.
func (r *Recorder) spill(ctx context.Context) {
	tick := time.NewTicker(r.delay)
	defer tick.Stop()
	for {
		select {
		case <-r.queue.press:
		case <-tick.C:
			if !r.away() {
				continue
			}
			r.queue.sealNow()
		case <-ctx.Done():
			return
		}
		r.drain(false)
	}
}

// away says that what is in memory had better be on disk.
func (r *Recorder) away() bool { return r.offline || r.down.Load() }

// drain moves what is in memory to the spool: while memory is more than half
// full, or all of it when the collector is away or all is set.
func (r *Recorder) drain(all bool) {
	for {
		batches := r.queue.inMemory(all || r.away())
		if len(batches) == 0 {
			return
		}
		if !r.store(batches) {
			return
		}
	}
}

// store writes batches and frees their memory after one sync.
func (r *Recorder) store(batches []*batch) bool {
	frames := make([]frame, 0, len(batches))
	var err error
	for _, b := range batches {
		var f frame
		if f, err = r.spool.append(b.data, b.spans); err != nil {
			break
		}
		frames = append(frames, f)
	}
	unsafe := r.spool.sync()
	for i, f := range frames {
		if unsafe == nil && r.queue.moved(batches[i], f) {
			r.spooled.Add(uint64(batches[i].spans))
		} else {
			r.release(f)
		}
	}
	err = errors.Join(err, unsafe)
	r.noteSpool(err)
	return err == nil
}

// noteSpool logs when the spool begins to fail, and when it works again.
func (r *Recorder) noteSpool(err error) {
	switch {
	case err != nil && !r.spoolFails:
		r.log.Error("key-use spool: cannot write; spans are kept in memory as long as there is room", "error", err)
	case err == nil && r.spoolFails:
		r.log.Info("key-use spool: writes again")
	}
	r.spoolFails = err != nil
}
