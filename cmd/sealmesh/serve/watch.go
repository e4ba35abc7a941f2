package serve

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/hsm"
)

const (
	// debounce is how long the policy file must be unchanged before it is
	// reloaded: half of a file that is being written may be a valid policy with
	// half of the rules.
	debounce = 200 * time.Millisecond
	// retryAfter is when a valid policy is tried again after a KMS was unavailable
	// or gave an unclear answer.
	retryAfter = 30 * time.Second
)

// watch reloads on SIGHUP and when the policy file changes, until ctx ends. It
// watches the folder because editors and ConfigMaps replace files.
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
		r.log.Warn("cannot watch the policy file; SIGHUP still reloads it", "error", err.Error())
	}
	timer, soon := time.NewTimer(0), true
	v := view{tried: r.inForce()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			_ = r.reload(ctx)
			continue
		case <-events:
		case <-lost: // the watcher lost events
		case <-timer.C:
			soon = false
			if wait := r.look(ctx, &v); wait > 0 {
				timer.Reset(wait)
				soon = wait == debounce
			}
			continue
		}
		// Other files in the folder may change all the time. So an event never
		// postpones a look at the policy that is due soon.
		if !soon {
			timer.Reset(debounce)
			soon = true
		}
	}
}

// A view holds digests of the policy: as last seen, and as last reloaded.
type view struct{ seen, tried cli.Digest }

// look reloads the policy if it has changed and is the same as at the last
// look. It returns how long to wait for the next look, 0 to wait for an event.
func (r *reloader) look(ctx context.Context, v *view) time.Duration {
	_, now, _ := cli.LoadPolicy(r.config)
	switch now {
	case v.tried:
		return 0
	case v.seen:
		v.tried = now
		if e, ok := errors.AsType[*hsm.Error](r.reload(ctx)); ok && e.Class.Passing() {
			v.tried = r.inForce()
			return retryAfter
		}
		return 0
	}
	v.seen = now
	return debounce
}

// inForce returns the digest of the policy in force.
func (r *reloader) inForce() cli.Digest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.digest
}
