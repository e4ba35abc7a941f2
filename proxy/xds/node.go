package xds

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// A Refusal is an Envoy's NACK. Envoy goes on with what it had.
type Refusal struct {
	Node   string
	Type   string   // URL
	Names  []string // of the response that was refused, also removed ones
	Reason string   // in Envoy's words
	At     time.Time

	set uint64
}

func newRefusal(url string, names []string, reason string, set uint64) *Refusal {
	slices.Sort(names)
	return &Refusal{Type: url, Names: names, Reason: clip(reason, maxReason), At: time.Now(), set: set}
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("Envoy %q refused %s (%s): %s", r.Node, short(r.Type), strings.Join(r.Names, ", "), r.Reason)
}

// A Node is an Envoy that is connected.
type Node struct {
	ID           string // as its bootstrap says; "" before its first request
	Version      string // of Envoy
	Since        time.Time
	Acknowledged bool     // all that it asks for, as the last Set has it
	Refusal      *Refusal // the last on this connection; nil if there was none
}

// Nodes returns the Envoys that are connected, the one that has been so longest
// first.
func (s *Server) Nodes() []Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Node, 0, len(s.streams))
	for _, st := range s.streams {
		list = append(list, Node{st.id, st.version, st.since, s.set != nil && st.has(s.set), st.refusal})
	}
	return list
}

// versionOf returns the version of an Envoy, such as 1.40.0.
func versionOf(n *corev3.Node) string {
	if v := n.GetUserAgentBuildVersion().GetVersion(); v != nil {
		return fmt.Sprintf("%d.%d.%d", v.MajorNumber, v.MinorNumber, v.Patch)
	}
	return n.GetUserAgentVersion()
}
