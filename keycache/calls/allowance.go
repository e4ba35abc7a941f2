package calls

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// ErrSpent is the failure of a call whose caller has spent its allowance.
var ErrSpent = &hsm.Error{Class: hsm.Unavailable, Operation: "open",
	Err: errors.New("too many of the caller's envelopes lately were under data keys that nobody knows: no more such keys are looked for until the caller's allowance grows back")}

// An Allowance is a number of tries that grows back with time, up to a burst.
// It reads no clock, as [Gate]. Safe for concurrent use.
type Allowance struct {
	burst, rate float64 // rate per second

	mu   sync.Mutex
	left float64 // below zero after calls that were under way together
	at   time.Duration
}

// NewAllowance returns a full allowance of burst tries that grows by rate a
// second.
func NewAllowance(burst, rate float64) *Allowance {
	return &Allowance{burst: burst, rate: rate, left: burst}
}

// grow is called with a.mu held.
func (a *Allowance) grow(now time.Duration) {
	if now > a.at {
		a.left = min(a.burst, a.left+a.rate*(now-a.at).Seconds())
		a.at = now
	}
}

// Take takes one try, and reports whether there was one.
func (a *Allowance) Take(now time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grow(now)
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}

// Charge takes a try that was made already.
func (a *Allowance) Charge(now time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grow(now)
	a.left = max(-a.burst, a.left-1)
}

// Spent reports whether no try is left.
func (a *Allowance) Spent(now time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grow(now)
	return a.left < 1
}

// Full reports whether nothing is taken, or all of it has grown back.
func (a *Allowance) Full(now time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grow(now)
	return a.left == a.burst
}

type allowanceKey struct{}

// WithAllowance returns a context whose calls are made only while a has a try
// left.
func WithAllowance(ctx context.Context, a *Allowance) context.Context {
	return context.WithValue(ctx, allowanceKey{}, a)
}

// CheckAllowance returns [ErrSpent] if the allowance in ctx, if any, is spent.
func CheckAllowance(ctx context.Context, now time.Duration) error {
	if a, ok := ctx.Value(allowanceKey{}).(*Allowance); ok && a.Spent(now) {
		return ErrSpent
	}
	return nil
}
