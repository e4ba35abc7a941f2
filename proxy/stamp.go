package proxy

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Stamps says what the Envoys that asked were configured for. The zero value is ready. Safe for
// concurrent use.
type Stamps struct {
	// Other counts exchanges that were refused because Envoy was configured for another policy, and
	// None those of an Envoy whose configuration does not say for which.
	Other, None atomic.Uint64

	same   atomic.Bool  // some Envoy had the stamp of the policy in place
	behind atomic.Int64 // when Other last rose, in Unix nanoseconds
}

// Verified reports whether every Envoy that has asked had a stamp, and one has.
func (s *Stamps) Verified() bool { return s.None.Load() == 0 && (s.same.Load() || s.Other.Load() > 0) }

// Behind reports whether an exchange was refused within the last d because of its stamp.
func (s *Stamps) Behind(d time.Duration) bool {
	at := s.behind.Load()
	return at != 0 && time.Since(time.Unix(0, at)) < d
}

// stamped holds the stamp that Envoy sends, as the authority of each stream, against the
// policy. An Envoy that knows another policy may leave requests out that have rules by now:
// what it does show is refused, so that somebody looks.
func (x *exchange) stamped() error {
	s, authority := &x.srv.metrics.Stamps, x.stream.Authority()
	switch {
	case authority == x.rt.stamp:
		if !s.same.Load() {
			s.same.Store(true)
		}
		return nil
	case policy.IsStamp(authority):
		s.Other.Add(1)
		s.behind.Store(time.Now().UnixNano())
		return refuse(codeBehind, fmt.Errorf("envoy is configured for another policy (it has %s, and the policy %s): write Envoy's configuration again and restart Envoy, or put the policy back", authority, x.rt.stamp))
	}
	if s.None.Add(1) == 1 {
		x.srv.log.Warn("Envoy's configuration has no stamp: whether it was made for this policy is unverified; `sealmesh check --envoy` judges its config_dump")
	}
	return nil
}
