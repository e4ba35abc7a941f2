package keyuse

import (
	"context"
	"errors"
	"time"
)

// spill moves batches from memory to the spool while the collector is unreachable, or
// slower than the spans come.
func (r *Recorder) spill(ctx context.Context) {
	tick := time.NewTicker(r.delay)
	defer tick.Stop()
	for {
		select {
		case <-r.queue.press:
		case <-tick.C:
			if !r.preferDisk() {
				continue
			}
			r.queue.sealNow()
		case <-ctx.Done():
			return
		}
		if r.drain(false) {
			continue
		}
		select { // a disk that fails is not asked for every span that comes
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// preferDisk says that what is in memory had better be on disk.
func (r *Recorder) preferDisk() bool { return r.offline || r.down.Load() }

// drain moves what is in memory to the spool: while memory is more than half
// full, or all of it when the collector is unreachable or all is set. It reports false
// when the disk fails.
func (r *Recorder) drain(all bool) bool {
	for {
		batches := r.queue.inMemory(all || r.preferDisk())
		if len(batches) == 0 {
			return true
		}
		if err := r.store(batches); err != nil {
			return errors.Is(err, errSpoolFull)
		}
	}
}

// store writes batches, and frees the memory of those that one sync then made durable.
func (r *Recorder) store(batches []*batch) error {
	frames := make([]frame, 0, len(batches))
	var err error
	for _, b := range batches {
		var f frame
		if f, err = r.spool.append(b.data, b.spans); err != nil {
			break
		}
		frames = append(frames, f)
	}
	if e := r.spool.sync(); e != nil {
		err = errors.Join(err, e)
	}
	durable := true
	for i, f := range frames {
		durable = durable && r.spool.durable(f) // what comes after one that is lost waits too: order is kept
		if durable && r.queue.moved(batches[i], f) {
			r.spooled.Add(uint64(batches[i].spans))
		} else {
			r.release(f)
		}
	}
	r.noteSpool(err)
	return err
}

// noteSpool logs when the spool begins to fail, and when it works again.
func (r *Recorder) noteSpool(err error) {
	switch failed := r.spoolFails.Swap(err != nil); {
	case err != nil && !failed:
		r.log.Error("key-use spool: cannot write; spans are kept in memory as long as there is room", "error", err)
	case err == nil && failed:
		r.log.Info("key-use spool: writes again")
	}
}
