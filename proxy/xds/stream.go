package xds

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxTypes is the most types of a stream. The channel of go-control-plane has
// room for two responses of each.
const maxTypes = int(types.UnknownType)

// A stream is that of one Envoy. The server's mutex guards it. It is the
// cache.ConfigWatcher of its stream.
type stream struct {
	server  *Server
	number  uint64
	since   time.Time
	id      string // of the node; "" before the first request
	version string // of Envoy
	types   map[string]*subscription
	refusal *Refusal // the last
	ended   bool
}

// CreateDeltaWatch is called for each request of Envoy: a subscription, an ACK
// or a NACK. It sends what Envoy lacks, and if it lacks nothing, the next Set
// does.
func (st *stream) CreateDeltaWatch(r *discovery.DeltaDiscoveryRequest, names cache.Subscription, to chan cache.DeltaResponse) (cancel func(), err error) {
	s := st.server
	s.mu.Lock()
	defer s.mu.Unlock()
	st.identify(r.GetNode())
	sub := st.types[r.TypeUrl]
	if sub == nil {
		if len(st.types) >= maxTypes {
			return nil, status.Errorf(codes.ResourceExhausted, "more than %d types on a stream", maxTypes)
		}
		sub = newSubscription(r)
		st.types[r.TypeUrl] = sub
	}
	if err := sub.within(r, names); err != nil {
		return nil, err
	}
	if refusal := sub.settle(r); refusal != nil {
		refusal.Node = st.id
		st.refusal = refusal
		s.log.Error("Envoy refused resources", "node", st.id, "type", refusal.Type, "names", refusal.Names, "reason", refusal.Reason)
	}
	sub.forget(r.ResourceNamesUnsubscribe)
	w := &watch{names: names, to: to}
	sub.watch = w
	sub.push(s.set)
	s.wake()
	return func() { s.cancel(sub, w) }, nil
}

// CreateWatch is the other variant of xDS, which no stream here has.
func (*stream) CreateWatch(*cache.Request, cache.Subscription, chan cache.Response) (func(), error) {
	return nil, errors.New("not delta xDS")
}

// cancel makes sure that nothing is sent to w, nor its names read.
func (s *Server) cancel(sub *subscription, w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub.watch == w {
		sub.watch = nil
	}
}

// end is called after the last watch is cancelled.
func (s *Server) end(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams = slices.DeleteFunc(s.streams, func(x *stream) bool { return x == st })
	st.ended = true
	s.log.Info("Envoy's xDS stream ended", "node", st.id, "envoy", st.version)
	s.wake()
}

func (st *stream) identify(n *corev3.Node) {
	if st.id != "" || n.GetId() == "" {
		return
	}
	st.id, st.version = clip(n.GetId(), maxName), clip(versionOf(n), maxName)
	st.server.log.Info("Envoy's xDS stream", "node", st.id, "envoy", st.version)
}

// push sends what Envoy lacks of set.
func (st *stream) push(set *set) {
	for _, url := range order {
		if sub := st.types[url]; sub != nil {
			sub.push(set)
		}
	}
	for _, url := range slices.Sorted(maps.Keys(st.types)) {
		st.types[url].push(set) // nothing, if it was in order
	}
}

// waiting lists the types of which Envoy has not acknowledged set.
func (st *stream) waiting(set *set) string {
	if len(st.types) == 0 {
		return "anything"
	}
	var list []string
	for _, url := range slices.Sorted(maps.Keys(st.types)) {
		if st.types[url].took != set.number {
			list = append(list, short(url))
		}
	}
	return strings.Join(list, ", ")
}

// has reports whether Envoy has acknowledged set in all types.
func (st *stream) has(set *set) bool { return st.waiting(set) == "" }

// succeeds reports whether st is a later stream of the Envoy of old, which has
// acknowledged set in the types that it had on the old one.
func (st *stream) succeeds(old *stream, set *set) bool {
	if st.number < old.number || old.id != "" && st.id != old.id || !st.has(set) {
		return false
	}
	for url := range old.types {
		if st.types[url] == nil && len(set.types[url]) > 0 {
			return false
		}
	}
	return true
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}
