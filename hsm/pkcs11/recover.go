//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	p11 "github.com/miekg/pkcs11"
)

// callTimeout limits one operation, with recovery, for a caller without an
// earlier deadline.
const callTimeout = 15 * time.Second

// backoff doubles per level, and each pause is spread by half so that a fleet
// does not move in step. A new session is tried at once: idle sessions expire
// on healthy devices.
const backoff = 25 * time.Millisecond

// An operation does its work in one session. It may run again in another
// session.
type operation func(ctx context.Context, s *session) ([]byte, error)

// run performs op in a session of the pool. If the device fails, run retries,
// and renews more before each retry: the session, the login, the initialisation
// of the module.
//
// waiting is the device call that a caller who gives up was waiting for.
func (p *provider) run(ctx context.Context, waiting string, op operation) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for now := keep; ; {
		epoch := p.epoch.Load()
		out, err := p.attempt(ctx, waiting, now >= freshSession, op)
		least := healing(err)
		if err == nil || least == keep || now >= furthest(err) {
			return out, err
		}
		now = max(now+1, least)
		if now > freshSession && !pause(ctx, backoff<<now) || p.renew(ctx, now, epoch) != nil {
			return nil, err // the device's own words say more than a failed recovery
		}
	}
}

// attempt runs op in a session of the pool, or in a new one if fresh. If the
// token allows no more sessions, it tries the pool's other places, which have
// one.
func (p *provider) attempt(ctx context.Context, waiting string, fresh bool, op operation) ([]byte, error) {
	for others := cap(p.pool.places); ; others-- {
		out, err := p.once(ctx, waiting, fresh, op)
		if !returned(err, p11.CKR_SESSION_COUNT) || others == 0 || !pause(ctx, backoff) {
			return out, err
		}
	}
}

// once runs op in the next session of the pool. Its place stays taken until the
// device answers, so a hung device holds no more threads than the pool has
// places.
func (p *provider) once(ctx context.Context, waiting string, fresh bool, op operation) ([]byte, error) {
	s, err := p.pool.take(ctx)
	if errors.Is(err, errClosed) {
		return nil, err
	}
	if err != nil {
		return nil, timeout(waiting, p.keyID, err)
	}
	return handOff(ctx, waiting, p.keyID, func() ([]byte, error) {
		out, s, err := p.work(ctx, s, fresh, op)
		p.pool.put(s)
		return out, err
	})
}

// work runs op under a share of the gate, and returns the session to put back
// into the pool; nil if it is unfit.
func (p *provider) work(ctx context.Context, s *session, fresh bool, op operation) ([]byte, *session, error) {
	if err := p.gate.Acquire(ctx, 1); err != nil {
		return nil, s, timeout("C_OpenSession", p.keyID, ctx.Err())
	}
	defer p.gate.Release(1)
	if s != nil && (fresh || s.epoch != p.epoch.Load()) {
		p.closeSession(ctx, s)
		s = nil
	}
	if s == nil {
		var err error
		if s, err = p.openSession(ctx); err != nil {
			return nil, nil, err
		}
	}
	out, err := op(ctx, s)
	if p.pool.isClosed() || err != nil && !intact(err) {
		p.closeSession(ctx, s)
		s = nil
	}
	return out, s, err
}

// renew renews what level l names, unless all sessions have ended since epoch.
func (p *provider) renew(ctx context.Context, l level, epoch uint64) error {
	switch l {
	case freshLogin:
		return p.logOut(ctx, epoch)
	case freshModule:
		return p.reset(ctx, epoch)
	default:
		return nil
	}
}

// pause waits for about d, and reports whether ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
