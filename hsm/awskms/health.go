package awskms

import (
	"sync"
	"time"
)

// A Region that failed is skipped, then probed now and then, and used again
// only after several answers in a row. Without that hysteresis a Region that
// flaps would fail every second call.
const (
	cooldown      = 30 * time.Second       // no call after a failure
	probeEvery    = 5 * time.Second        // then at most one call per this long
	probeTimeout  = 500 * time.Millisecond // which must answer within this
	probesToTrust = 3
)

// health is this process's view of one Region. Safe for concurrent use.
type health struct {
	mu        sync.Mutex
	down      bool
	answered  int       // probes in a row that were, while down
	nextProbe time.Time // while down
}

func (h *health) isUp() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.down
}

// claimProbe reports whether the caller may probe the Region now.
func (h *health) claimProbe(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.down || now.Before(h.nextProbe) {
		return false
	}
	h.nextProbe = now.Add(probeEvery)
	return true
}

func (h *health) failed(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down, h.answered, h.nextProbe = true, 0, now.Add(cooldown)
}

// succeeded counts one answer. Calls that began before the Region failed count
// too.
func (h *health) succeeded() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.down {
		return
	}
	if h.answered++; h.answered >= probesToTrust {
		h.down = false
	}
}
