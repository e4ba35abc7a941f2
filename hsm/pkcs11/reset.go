//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Two resets of one module are at least resetMin apart, and up to resetMax if
// they are so frequent: then they do not help.
const (
	resetMin = time.Second
	resetMax = 30 * time.Second
)

// errNotNow ends a recovery whose next level is not allowed now.
var errNotNow = errors.New("not allowed to disturb the module now")

// A window says when one KEK's failure may disturb the other KEKs of a module.
// The zero value is open.
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

// shut closes the window for twice as long as the last time, unless that was
// long ago.
func (w *window) shut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.next) > resetMax {
		w.wait = 0
	}
	w.wait = min(max(2*w.wait, resetMin), resetMax)
	w.next = time.Now().Add(w.wait)
}

// reset finalises and initialises the module for all its users.
func (m *module) reset(ctx context.Context, epoch uint64) error {
	return m.disturb(ctx, epoch, "C_Initialize", func() error {
		m.window.shut()
		m.stop(ctx)
		return m.start(ctx)
	})
}

// logOut closes every session of the module, which logs out every token
// (PKCS#11 v2.40 §5.6). So it also reaches a token that lost its login without
// the library noticing.
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

// disturb runs f, which ends all sessions, unless that was done since epoch. It
// is rate-limited: a dead device must not keep every caller in C_Initialize,
// and a hung call must not stop the others again and again.
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
