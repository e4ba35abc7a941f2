package proxy

import (
	"sync"
	"sync/atomic"
)

// Metrics counts what became of exchanges, by route, since the process began;
// a reload does not reset it. The zero value is ready. Safe for concurrent use.
type Metrics struct {
	mu     sync.Mutex
	routes map[string]*Counts
	Active atomic.Int64 // exchanges in flight
	Stamps Stamps
}

// Unrouted is the route name under which exchanges are counted that no route matched.
const Unrouted = ""

// Route returns the counts of the route of that name.
func (m *Metrics) Route(name string) *Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.routes == nil {
		m.routes = make(map[string]*Counts)
	}
	c := m.routes[name]
	if c == nil {
		c = new(Counts)
		m.routes[name] = c
	}
	return c
}

// Each calls f for every route that has been configured or counted.
func (m *Metrics) Each(f func(route string, c *Counts)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, c := range m.routes {
		f(name, c)
	}
}

// Counts are the counters of one route.
type Counts struct {
	Exchanges      atomic.Uint64
	Bodies         [2]atomic.Uint64 // rewritten, by direction: request, response
	Sealed, Opened atomic.Uint64    // values
	Plaintext      atomic.Uint64    // values left in clear on open, in a migration window
	Null           atomic.Uint64    // null left on open: there is nothing to open
	Passed         [2]atomic.Uint64 // bodies passed unread by direction: pass types, error responses without codec
	Signed         [2]atomic.Uint64 // bodies that were changed, by direction, and that a header signs
	Flowed         atomic.Uint64    // responses that were streamed, since there was no room to keep them
	refused        sync.Map         // refusal{direction, code} -> *atomic.Uint64
}

type refusedKey struct{ direction, code string }

func (c *Counts) refuse(direction, code string) {
	v, ok := c.refused.Load(refusedKey{direction, code})
	if !ok {
		v, _ = c.refused.LoadOrStore(refusedKey{direction, code}, new(atomic.Uint64))
	}
	v.(*atomic.Uint64).Add(1)
}

// Refused calls f for every way in which exchanges were refused.
func (c *Counts) Refused(f func(direction, code string, n uint64)) {
	c.refused.Range(func(k, v any) bool {
		key := k.(refusedKey)
		f(key.direction, key.code, v.(*atomic.Uint64).Load())
		return true
	})
}
