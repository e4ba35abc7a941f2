//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// observe makes one device call, classifies its error and reports it to the
// observer in ctx.
func observe(ctx context.Context, operation, keyID string, call func() error) error {
	start := time.Now()
	return report(ctx, operation, keyID, start, call())
}

func report(ctx context.Context, operation, keyID string, start time.Time, err error) error {
	if err != nil {
		err = deviceError(operation, keyID, err)
	}
	hsm.Observe(ctx, hsm.Call{
		Provider: Kind, Operation: operation, KeyID: keyID,
		Start: start, End: time.Now(), Err: err,
	})
	return err
}

// handOff runs f, which calls the device, and returns when f does or when ctx
// ends. A C call cannot be interrupted, only left behind: then f continues
// alone, owns what it uses, and its result is cleared.
func handOff(ctx context.Context, operation, keyID string, f func() ([]byte, error)) ([]byte, error) {
	type result struct {
		out []byte
		err error
	}
	// Unbuffered: a result is either received or cleared, never lost.
	done := make(chan result)
	go func() {
		out, err := f()
		select {
		case done <- result{out, err}:
		case <-ctx.Done():
			clear(out)
		}
	}()
	select {
	case r := <-done:
		return r.out, r.err
	case <-ctx.Done():
		return nil, timeout(operation, keyID, ctx.Err())
	}
}

// timeout says that the caller stopped waiting before the device answered.
func timeout(operation, keyID string, cause error) error {
	e := &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: operation, KeyID: keyID, Err: cause}
	if errors.Is(cause, context.DeadlineExceeded) {
		e.Hint = "the device did not answer in time: look at its load, its network and the vendor's own log"
	}
	return e
}
