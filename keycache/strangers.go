package keycache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// Anybody who can have a value opened can make up the id of a data key, or a wrapped
// record, and each one costs a call of the store or the KMS. So every caller has an
// allowance of such calls that came to nothing. A caller who has spent it gets no call
// for a data key that is not here, until it grows back; nobody else's call, and no gate
// of a store or a KEK, is touched.

const (
	// strangersBurst is how many calls for unknown data keys may come to nothing at
	// once for one caller, strangersRate how many more each second.
	strangersBurst = 256
	strangersRate  = 16
	// rememberedCallers bounds the allowances held, at some 200 bytes each. Callers past
	// that share one: an allowance is forgotten only once it has grown back.
	rememberedCallers = 4096
)

var errStrangers = &hsm.Error{Class: hsm.Unavailable, Operation: "open",
	Err: errors.New("the caller has had too many envelopes opened lately whose data keys nobody knows: no more are looked for at once")}

// callers holds the allowance of each caller. Safe for concurrent use.
type callers struct {
	mu    sync.Mutex
	known *simplelru.LRU[string, *allowance]
	crowd allowance // of those for whom there is no room
}

func newCallers(room int) (*callers, error) {
	known, err := simplelru.NewLRU[string, *allowance](room, nil)
	if err != nil {
		return nil, err
	}
	return &callers{known: known, crowd: newAllowance(strangersBurst, strangersRate)}, nil
}

// of returns the allowance of a caller at now.
func (c *callers) of(caller string, now time.Duration) *allowance {
	name := keyuse.Household(caller)
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.known.Get(name); ok {
		return a
	}
	if c.known.Len() >= rememberedCallers {
		if _, oldest, _ := c.known.GetOldest(); !oldest.whole(now) {
			return &c.crowd
		}
	}
	a := newAllowance(strangersBurst, strangersRate)
	c.known.Add(name, &a)
	return &a
}

// isStranger reports whether a data key was not found, or did not unwrap, because of who
// sent its envelope, as far as anybody can tell.
func isStranger(err error) bool {
	if _, old := errors.AsType[shutError](err); old || err == nil {
		return false
	}
	switch hsm.ClassOf(err) {
	case hsm.Corrupt, hsm.Unsupported, hsm.Unclear:
		return true
	}
	return false
}

type allowanceKey struct{}

// spending returns a context whose calls are made only while a has something left.
func spending(ctx context.Context, a *allowance) context.Context {
	return context.WithValue(ctx, allowanceKey{}, a)
}

// maySpend returns errStrangers if the calls of ctx are a caller's who has spent its allowance.
func maySpend(ctx context.Context, now time.Duration) error {
	if a, ok := ctx.Value(allowanceKey{}).(*allowance); ok && a.spent(now) {
		return errStrangers
	}
	return nil
}

// An allowance is a number of tries that grows back with time, up to burst. Safe
// for concurrent use.
type allowance struct {
	burst, rate float64 // rate per second

	mu   sync.Mutex
	left float64 // below zero after calls that were on their way together
	at   time.Duration
}

func newAllowance(burst, rate float64) allowance {
	return allowance{burst: burst, rate: rate, left: burst}
}

// grow is called with a.mu held.
func (a *allowance) grow(now time.Duration) {
	if now > a.at {
		a.left = min(a.burst, a.left+a.rate*(now-a.at).Seconds())
		a.at = now
	}
}

// take takes one, unless there is none.
func (a *allowance) take(now time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grow(now)
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}

// charge takes one that has been used already.
func (a *allowance) charge(now time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grow(now)
	a.left = max(-a.burst, a.left-1)
}

func (a *allowance) spent(now time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grow(now)
	return a.left < 1
}

func (a *allowance) whole(now time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grow(now)
	return a.left == a.burst
}
