package xds

import (
	"maps"
	"slices"
	"strings"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	maxNames      = 256  // of one type on a stream
	maxName       = 1024 // bytes
	maxUnanswered = 32   // responses of one type on a stream
	maxReason     = 4096 // bytes that are kept of Envoy's reason
)

// A subscription is what one Envoy has of one type.
type subscription struct {
	url      string
	watch    *watch            // nil while a response waits for an answer
	held     map[string]string // version by name, once Envoy has read what is on its way
	sent     bool              // Envoy has had a response
	flights  []flight          // responses that Envoy has not answered, oldest first
	took     uint64            // number of the last set that Envoy has acknowledged
	refused  map[string]bool   // names that Envoy refused, or that were removed in a response that it refused
	refusedN uint64            // number of the set of which it refused them
}

// A watch waits for a set that differs from what Envoy has.
type watch struct {
	names cache.Subscription
	to    chan<- cache.DeltaResponse
}

// A flight is a response that Envoy has not answered. The server of
// go-control-plane gives it its nonce.
type flight struct {
	response *discovery.DeltaDiscoveryResponse
	set      uint64
}

// newSubscription begins with what Envoy says that it holds: it may have been
// connected before.
func newSubscription(r *discovery.DeltaDiscoveryRequest) *subscription {
	held := maps.Clone(r.InitialResourceVersions)
	if held == nil {
		held = map[string]string{}
	}
	return &subscription{url: r.TypeUrl, held: held, refused: map[string]bool{}}
}

// within returns an error if r asks for more than an Envoy needs.
func (s *subscription) within(r *discovery.DeltaDiscoveryRequest, names cache.Subscription) error {
	long := func(name string) bool { return len(name) > maxName }
	switch {
	case len(names.SubscribedResources()) > maxNames || len(s.held) > maxNames && !s.sent:
		return status.Errorf(codes.ResourceExhausted, "more than %d names of type %s", maxNames, s.url)
	case slices.ContainsFunc(r.ResourceNamesSubscribe, long) || len(s.url) > maxName:
		return status.Errorf(codes.ResourceExhausted, "a name of more than %d bytes", maxName)
	case len(s.flights) > maxUnanswered:
		return status.Errorf(codes.ResourceExhausted, "%d responses without ACK or NACK", len(s.flights))
	}
	return nil
}

// settle takes the answer that r is, if it is one.
func (s *subscription) settle(r *discovery.DeltaDiscoveryRequest) *Refusal {
	i := slices.IndexFunc(s.flights, func(f flight) bool { return f.response.Nonce == r.ResponseNonce })
	if i < 0 || r.ResponseNonce == "" {
		return nil
	}
	f := s.flights[i]
	s.flights = slices.Delete(s.flights, 0, i+1)
	if r.ErrorDetail == nil {
		return nil
	}
	names := slices.Clone(f.response.RemovedResources)
	for _, res := range f.response.Resources {
		names = append(names, res.Name)
	}
	for _, name := range names {
		s.refused[name] = true
	}
	s.refusedN = f.set
	return newRefusal(s.url, names, r.ErrorDetail.GetMessage(), f.set)
}

// forget drops names that Envoy no longer wants.
func (s *subscription) forget(names []string) {
	for _, name := range names {
		delete(s.held, name)
		delete(s.refused, name)
	}
}

// push sends what Envoy lacks of set. If it lacks nothing, push notes that it
// has all of it.
func (s *subscription) push(set *set) {
	if s.watch == nil || set == nil {
		return
	}
	r := s.lacks(set)
	if r == nil {
		if len(s.flights) == 0 && len(s.refused) == 0 {
			s.took = set.number
		}
		return
	}
	for _, res := range r.Resources {
		s.held[res.Name] = res.Version
		delete(s.refused, res.Name)
	}
	for _, name := range r.RemovedResources {
		delete(s.held, name)
		delete(s.refused, name)
	}
	s.sent = true
	s.flights = append(s.flights, flight{r, set.number})
	// There is room: each request drains the channel, and makes one watch.
	s.watch.to <- &cache.DeltaPassthroughResponse{
		DeltaRequest:           &discovery.DeltaDiscoveryRequest{TypeUrl: s.url},
		DeltaDiscoveryResponse: r,
		NextVersionMap:         map[string]string{}, // held is ours
	}
	s.watch = nil
}

// lacks returns the difference between set and what Envoy has, nil if there is
// none. Envoy starts only once it has a first response for all listeners and
// all clusters, so that this one may be empty.
func (s *subscription) lacks(set *set) *discovery.DeltaDiscoveryResponse {
	r := &discovery.DeltaDiscoveryResponse{TypeUrl: s.url, SystemVersionInfo: set.version}
	names := s.watch.names.SubscribedResources()
	wants := func(name string) bool {
		_, ok := names[name]
		return ok || s.watch.names.IsWildcard()
	}
	again := func(name string) bool { return s.refused[name] && s.refusedN != set.number }
	list := set.types[s.url]
	for _, res := range list {
		if wants(res.Name) && (s.held[res.Name] != res.Version && !s.refused[res.Name] || again(res.Name)) {
			r.Resources = append(r.Resources, res)
		}
	}
	gone := maps.Clone(s.held)
	for name := range s.refused {
		if again(name) {
			gone[name] = ""
		}
	}
	for name := range gone {
		if wants(name) && find(list, name) == nil {
			r.RemovedResources = append(r.RemovedResources, name)
		}
	}
	slices.SortFunc(r.RemovedResources, strings.Compare)
	if len(r.Resources)+len(r.RemovedResources) == 0 && (s.sent || !s.watch.names.IsWildcard()) {
		return nil
	}
	return r
}
