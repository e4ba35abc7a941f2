package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/sealmesh/sealmesh/hsm"
)

const (
	// settle is how long a change must have stood before it is taken: half of a file
	// that is being written may be a good policy with half of the rules.
	settle = 200 * time.Millisecond
	// again is when a file is tried again that was good, but whose KMS gave no clear answer.
	again = 30 * time.Second
)

// watch reloads on SIGHUP and when the file changes, until ctx ends. It watches
// the folder, since editors and ConfigMaps replace files rather than write them.
func (r *reloader) watch(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	var events chan fsnotify.Event
	var lost chan error
	w, err := fsnotify.NewWatcher()
	if err == nil {
		defer w.Close()
		err = w.Add(filepath.Dir(r.config))
		events, lost = w.Events, w.Errors
	}
	if err != nil {
		r.log.Warn("the policy file is not watched; SIGHUP still reloads it", "error", err.Error())
	}
	look, waiting := time.NewTimer(0), true
	v := view{tried: r.inForce()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			_ = r.reload(ctx)
			continue
		case <-events:
		case <-lost: // events, that is
		case <-look.C:
			waiting = false
			if wait := r.look(ctx, &v); wait > 0 {
				look.Reset(wait)
				waiting = wait == settle
			}
			continue
		}
		// Other files of the folder may change all the time, so an event has the policy
		// looked at soon, and never puts that off.
		if !waiting {
			look.Reset(settle)
			waiting = true
		}
	}
}

// A view is what was found when the policy was last looked at.
type view struct{ seen, tried sum }

// look reloads a policy that has changed and stands. It returns how long to wait
// before looking again, 0 for until something changes.
func (r *reloader) look(ctx context.Context, v *view) time.Duration {
	_, now, _ := loadPolicy(r.config)
	switch now {
	case v.tried:
		return 0
	case v.seen:
		v.tried = now
		if e, ok := errors.AsType[*hsm.Error](r.reload(ctx)); ok && e.Class.Passing() {
			v.tried = r.inForce()
			return again
		}
		return 0
	}
	v.seen = now
	return settle
}

func (r *reloader) inForce() sum {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sum
}
