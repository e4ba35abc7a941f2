package keycache

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// Anybody who can have a value opened can make up the id of a data key, or a
// wrapped record, and each one costs a call of the store or the KMS. So every
// caller has an allowance of such calls that came to nothing. A caller that has
// spent its allowance gets no call for a data key that is not here, until the
// allowance grows back. Nobody else's call, and no gate of a store or a KEK, is
// touched.

const (
	// strangersBurst is how many calls for unknown data keys may come to nothing
	// at once for one caller, strangersRate how many more each second.
	strangersBurst = 256
	strangersRate  = 16
	// rememberedCallers bounds the allowances held, at some 200 bytes each.
	// Callers past that share one: an allowance is forgotten only once it has
	// grown back.
	rememberedCallers = 4096
)

// callers holds the allowance of each caller. Safe for concurrent use.
type callers struct {
	mu    sync.Mutex
	known *simplelru.LRU[string, *calls.Allowance]
	crowd *calls.Allowance // of the callers for whom there is no room
}

func newCallers(room int) (*callers, error) {
	known, err := simplelru.NewLRU[string, *calls.Allowance](room, nil)
	if err != nil {
		return nil, err
	}
	return &callers{known: known, crowd: calls.NewAllowance(strangersBurst, strangersRate)}, nil
}

// of returns the allowance of a caller at now.
func (c *callers) of(caller string, now time.Duration) *calls.Allowance {
	name := keyuse.Household(caller)
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.known.Get(name); ok {
		return a
	}
	if c.known.Len() >= rememberedCallers {
		if _, oldest, _ := c.known.GetOldest(); !oldest.Full(now) {
			return c.crowd
		}
	}
	a := calls.NewAllowance(strangersBurst, strangersRate)
	c.known.Add(name, a)
	return a
}
