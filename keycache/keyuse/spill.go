package keyuse

import (
	"context"
	"errors"
	"time"

	"github.com/sealmesh/sealmesh/keycache/keyuse/spool"
)

// spill moves batches from memory to the spool while the collector is
// unreachable or slower than spans arrive.
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
		select { // the disk fails: retry at the next tick, not for every span
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// preferDisk reports whether spans should go to disk as they arrive.
func (r *Recorder) preferDisk() bool { return r.offline || r.down.Load() }

// drain moves batches to the spool while memory is more than half full. If the
// collector is unreachable or all is set, it moves all of them. It reports
// false if the disk fails.
func (r *Recorder) drain(all bool) bool {
	for {
		batches := r.queue.inMemory(all || r.preferDisk())
		if len(batches) == 0 {
			return true
		}
		if err := r.store(batches); err != nil {
			return errors.Is(err, spool.ErrFull)
		}
	}
}

// store writes batches and frees the memory of those that are durable after one
// sync.
func (r *Recorder) store(batches []*batch) error {
	frames := make([]*spool.Frame, 0, len(batches))
	var err error
	for _, b := range batches {
		var f *spool.Frame
		if f, err = r.spool.Append(b.data, b.spans); err != nil {
			break
		}
		frames = append(frames, f)
	}
	if e := r.spool.Sync(); e != nil {
		err = errors.Join(err, e)
	}
	durable := true
	for i, f := range frames {
		durable = durable && r.spool.Durable(f) // to keep the order, batches after a lost one wait too
		if durable && r.queue.moved(batches[i], f) {
			r.spooled.Add(uint64(batches[i].spans))
		} else {
			r.release(f)
		}
	}
	r.noteSpool(err)
	return err
}

// noteSpool logs when writes to the spool begin to fail and when they work
// again.
func (r *Recorder) noteSpool(err error) {
	switch failed := r.spoolFails.Swap(err != nil); {
	case err != nil && !failed:
		r.log.Error("key-use spool: cannot write; keeping spans in memory, retrying", "error", err)
	case err == nil && failed:
		r.log.Info("key-use spool: writing works again")
	}
}
