//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Between two resets of one module passes at least resetMin, and up to resetMax
// while they come that often: they do not help.
const (
	resetMin = time.Second
	resetMax = 30 * time.Second
)

// errNotNow ends a recovery whose next level is closed.
var errNotNow = errors.New("not allowed to disturb the module now")

// A window says when one KEK's trouble may be let loose on all the others of a
// module. The zero value is open.
type window struct {
	mu   sync.Mutex
	next time.Time // closed until then
	wait time.Duration
}

func (w *window) open() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !time.Now().Before(w.next)
}

// shut closes the window, for twice as long as the last time unless that was long ago.
func (w *window) shut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.next) > resetMax {
		w.wait = 0
	}
	w.wait = min(max(2*w.wait, resetMin), resetMax)
	w.next = time.Now().Add(w.wait)
}

// reset finalises and initialises the module, for everybody.
func (m *module) reset(ctx context.Context, epoch uint64) error {
	return m.disturb(ctx, epoch, "C_Initialize", func() error {
		m.window.shut()
		m.stop(ctx)
		return m.start(ctx)
	})
}

// logOut closes every session of the module, which logs every token out (PKCS#11
// v2.40 §5.6). So it reaches a token that lost its login while the library
// believes in it.
func (m *module) logOut(ctx context.Context, epoch uint64) error {
	return m.disturb(ctx, epoch, "C_CloseAllSessions", func() error {
		m.epoch.Add(1)
		var slots []uint // none in a module so sick that only a reset helps
		_ = observe(ctx, "C_GetSlotList", "", func() (err error) {
			slots, err = m.ctx.GetSlotList(true)
			return err
		})
		for _, slot := range slots {
			_ = observe(ctx, "C_CloseAllSessions", "", func() error { return m.ctx.CloseAllSessions(slot) })
		}
		return nil
	})
}

// disturb runs f, which ends everybody's sessions, unless that was done since
// epoch. It is rate-limited: a dead device must not keep every caller in
// C_Initialize, nor a hung call stop the others over and over.
func (m *module) disturb(ctx context.Context, epoch uint64, operation string, f func() error) error {
	if m.epoch.Load() != epoch {
		return nil
	}
	if !m.window.open() {
		return errNotNow
	}
	err := m.exclusively(ctx, operation, func() error {
		if m.epoch.Load() != epoch {
			return nil
		}
		if m.foreign {
			return errNotNow // other code's sessions are not ours to end
		}
		return f()
	})
	if err != nil {
		m.window.shut()
	}
	return err
}
