package xds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
)

// ErrNoEnvoy is returned by Set if no Envoy is connected. The resources are in
// place for Envoys that connect later. An Envoy that is not connected may run
// with older ones.
var ErrNoEnvoy = errors.New("no Envoy is connected")

// ErrReplaced is returned by Set if another Set replaced its resources before
// every Envoy had acknowledged them.
var ErrReplaced = errors.New("replaced by later resources")

// A Server serves one set of resources to Envoys.
type Server struct {
	log *slog.Logger

	mu      sync.Mutex
	set     *set      // what Envoys get; nil before the first Set
	sets    uint64    // how many there were
	streams []*stream // that are open, oldest first
	opened  uint64    // how many there were
	changed chan struct{}
}

// New returns a server that has no resources yet. Envoys that connect to it
// wait for the first Set.
func New(log *slog.Logger) *Server {
	return &Server{log: log, changed: make(chan struct{})}
}

// Register makes r serve s. Make r with ServerOptions, and end it with Stop:
// GracefulStop waits for streams that never end.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	discovery.RegisterAggregatedDiscoveryServiceServer(r, &service{server: s})
}

// Set replaces the resources that Envoys get. It returns nil when each Envoy
// that is connected, or was when Set began, has acknowledged them. Its error is
// a *Refusal if an Envoy refused some of them, ErrNoEnvoy, ErrReplaced, or,
// when ctx ends, says which Envoys have not answered. In all these cases the
// resources are in place. If rs are wrong in themselves, nothing changes.
//
// Values of the type Any in a Body should be marshalled deterministically, or
// Envoy may get a resource again that has not changed.
func (s *Server) Set(ctx context.Context, rs []Resource) error {
	next, expected, err := s.put(rs)
	switch {
	case err != nil:
		return err
	case len(expected) == 0:
		return ErrNoEnvoy
	}
	return s.wait(ctx, next, expected)
}

// Put is [Server.Set] that does not wait: whether Envoys have the resources,
// [Server.Nodes] says. Its error is that rs are wrong in themselves.
func (s *Server) Put(rs []Resource) error {
	_, _, err := s.put(rs)
	return err
}

// put replaces what Envoys get, and returns the streams that were open.
func (s *Server) put(rs []Resource) (next *set, open []*stream, err error) {
	if next, err = newSet(rs); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sets++
	next.number = s.sets
	s.set = next
	for _, st := range s.streams {
		st.push(next)
	}
	s.wake()
	return next, slices.Clone(s.streams), nil
}

func (s *Server) wait(ctx context.Context, set *set, expected []*stream) error {
	for {
		s.mu.Lock()
		changed, replaced := s.changed, s.set != set
		refusal := s.refusal(set, expected)
		missing := s.missing(set, expected)
		s.mu.Unlock()
		switch {
		case replaced:
			return ErrReplaced
		case refusal != nil:
			return refusal
		case len(missing) == 0:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", strings.Join(missing, "; "), context.Cause(ctx))
		}
	}
}

// refusal returns why an Envoy refused part of set, nil if none did.
func (s *Server) refusal(set *set, expected []*stream) error {
	for _, st := range slices.Concat(expected, s.streams) {
		if st.refusal != nil && st.refusal.set == set.number {
			return st.refusal
		}
	}
	return nil
}

// missing says of which Envoys set is not known to be in place.
func (s *Server) missing(set *set, expected []*stream) (who []string) {
	for _, st := range s.streams {
		if waits := st.waiting(set); waits != "" {
			who = append(who, fmt.Sprintf("Envoy %q has not acknowledged %s", st.id, waits))
		}
	}
	for _, st := range expected {
		if st.ended && !st.has(set) && !slices.ContainsFunc(s.streams, func(later *stream) bool { return later.succeeds(st, set) }) {
			who = append(who, fmt.Sprintf("Envoy %q has not connected again", st.id))
		}
	}
	return who
}

// wake makes each Set look again.
func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}
