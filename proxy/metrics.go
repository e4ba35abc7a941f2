package proxy

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/proxy/places"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Metrics counts exchanges by route since the process began. A reload does not
// reset it. The zero value is ready to use. Safe for concurrent use.
type Metrics struct {
	mu     sync.Mutex
	routes map[string]*Counts
	Active atomic.Int64 // active exchanges
	Stamps Stamps
}

// Unrouted is the name under which exchanges without a route are counted.
const Unrouted = ""

// Route returns the counts of the route with that name.
func (m *Metrics) Route(name string) *Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.routes == nil {
		m.routes = make(map[string]*Counts)
	}
	c := m.routes[name]
	if c == nil {
		c = new(Counts)
		for i := range c.bodies {
			c.bodies[i] = make([]atomic.Uint64, len(formats.Table()))
		}
		m.routes[name] = c
	}
	return c
}

// Each calls f for every route for which Route was called. f must not call
// methods of m.
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
	Sealed, Opened atomic.Uint64               // values
	Places         [places.Kinds]atomic.Uint64 // those of them beside bodies, by place
	Plaintext      atomic.Uint64               // values left in clear on open, within a migration
	Null           atomic.Uint64               // nulls left as they are
	Passed         [2]atomic.Uint64            // bodies passed unread, by direction: pass types, responses without codec
	Signed         [2]atomic.Uint64            // changed bodies that a header signs or hashes, by direction
	Flowed         atomic.Uint64               // responses streamed because there was no room to hold them
	bodies         [2][]atomic.Uint64          // rewritten bodies, by direction, and by place in formats.Table
	refused        sync.Map                    // refusedKey to *atomic.Uint64
}

// rewritten counts a body of format f.
func (c *Counts) rewritten(direction int, f *codec.Format) {
	if i := slices.Index(formats.Table(), f); i >= 0 {
		c.bodies[direction][i].Add(1)
	}
}

// Bodies calls f with the number of rewritten bodies for each direction (0
// request, 1 response) and format of which there were any.
func (c *Counts) Bodies(f func(direction int, format string, n uint64)) {
	for direction := range c.bodies {
		for i := range c.bodies[direction] {
			if n := c.bodies[direction][i].Load(); n > 0 {
				f(direction, formats.Table()[i].Name, n)
			}
		}
	}
}

type refusedKey struct{ direction, code string }

func (c *Counts) refuse(direction, code string) {
	v, ok := c.refused.Load(refusedKey{direction, code})
	if !ok {
		v, _ = c.refused.LoadOrStore(refusedKey{direction, code}, new(atomic.Uint64))
	}
	v.(*atomic.Uint64).Add(1)
}

// Refused calls f with the number of refusals for each direction and code.
func (c *Counts) Refused(f func(direction, code string, n uint64)) {
	c.refused.Range(func(k, v any) bool {
		key := k.(refusedKey)
		f(key.direction, key.code, v.(*atomic.Uint64).Load())
		return true
	})
}

// Stamps says whether the connected Envoys were configured for the current
// policy, by the stamps that they send. The zero value is ready to use. Safe
// for concurrent use.
type Stamps struct {
	// Other counts exchanges that were refused because Envoy was configured for
	// another policy. None counts exchanges of an Envoy whose configuration has
	// no stamp.
	Other, None atomic.Uint64

	same   atomic.Bool  // an Envoy had the stamp of the policy in place
	behind atomic.Int64 // when Other last rose, in Unix nanoseconds
}

// Verified reports whether at least one exchange came with a stamp, and none
// without.
func (s *Stamps) Verified() bool { return s.None.Load() == 0 && (s.same.Load() || s.Other.Load() > 0) }

// Behind reports whether an exchange was refused because of its stamp during
// the last d.
func (s *Stamps) Behind(d time.Duration) bool {
	at := s.behind.Load()
	return at != 0 && time.Since(time.Unix(0, at)) < d
}

// check compares the stamp that Envoy sends, as the authority of each stream,
// with the stamp of the policy. An Envoy that was configured for another policy
// may not send requests that have rules by now. The exchanges that it does send
// are refused, so that an operator notices.
func (s *Stamps) check(authority, stamp string, log *slog.Logger) error {
	switch {
	case authority == stamp:
		if !s.same.Load() {
			s.same.Store(true)
		}
		return nil
	case policy.IsStamp(authority):
		s.Other.Add(1)
		s.behind.Store(time.Now().UnixNano())
		return refuse(codeBehind, fmt.Errorf("Envoy is configured for another policy (stamp %s, expected %s): generate Envoy's configuration again and restart Envoy, or restore the policy", authority, stamp))
	}
	if s.None.Add(1) == 1 {
		log.Warn("Envoy's configuration has no stamp, so that it may have been made for another policy; check its config_dump with `sealmesh check --envoy`")
	}
	return nil
}
