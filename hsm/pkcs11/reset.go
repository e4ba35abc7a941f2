//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"
	"time"
)

// Between two resets of one module passes at least resetMin, and up to resetMax
// while they do not help.
const (
	resetMin = time.Second
	resetMax = 30 * time.Second
)

// reset finalises and initialises the module, for everybody, unless that was
// done since epoch. It is rate-limited: a dead device must not keep every
// caller in C_Initialize.
func (m *module) reset(ctx context.Context, epoch uint64) error {
	return m.exclusively(ctx, "C_Initialize", func() error {
		if m.epoch.Load() != epoch {
			return nil
		}
		if !m.mayDisturb() {
			return errNotNow
		}
		if time.Since(m.nextTry) > resetMax {
			m.wait = 0
		}
		m.wait = min(max(2*m.wait, resetMin), resetMax)
		m.nextTry = time.Now().Add(m.wait)
		m.stop(ctx)
		return m.start(ctx)
	})
}

// logOut closes every session of the module, which logs every token out (PKCS#11
// v2.40 §5.6), unless sessions were ended since epoch. So it reaches a token that lost
// its login while the library believes in it.
func (m *module) logOut(ctx context.Context, epoch uint64) error {
	return m.exclusively(ctx, "C_CloseAllSessions", func() error {
		if m.epoch.Load() != epoch {
			return nil
		}
		if !m.mayDisturb() {
			return errNotNow
		}
		m.epoch.Add(1)
		slots, _ := m.ctx.GetSlotList(true) // none in a module so sick that only a reset helps
		for _, slot := range slots {
			_ = observe(ctx, "C_CloseAllSessions", "", func() error { return m.ctx.CloseAllSessions(slot) })
		}
		return nil
	})
}

// mayDisturb reports whether the sessions of other KEKs, and of other code in this
// process, may be ended now to mend one. The caller holds the whole gate.
func (m *module) mayDisturb() bool { return !m.foreign && !time.Now().Before(m.nextTry) }

// errNotNow ends a recovery whose next level is closed.
var errNotNow = errors.New("not allowed to disturb the module now")
