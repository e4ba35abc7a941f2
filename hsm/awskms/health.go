package awskms

import (
	"sync"
	"time"
)

// A Region that failed is left alone, then tried now and then, and trusted
// again only after it has answered several times running: without that
// hysteresis a Region that flaps would take every second call with it.
const (
	cooldown      = 30 * time.Second       // no call after a failure
	probeEvery    = 5 * time.Second        // then at most one call per this long
	probeTimeout  = 500 * time.Millisecond // which must answer within this
	probesToTrust = 3
)

// health is what one process has seen of one Region. Safe for concurrent use.
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

// claimProbe reports whether the caller is the one that may try the Region now.
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

// succeeded counts one answer. Calls that were under way when the Region failed
// count too: they are answers.
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
