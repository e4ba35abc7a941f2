package proxy

import (
	"fmt"
	"mime"
	"strings"
	"sync/atomic"

	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A Runtime is a compiled policy joined with the keys that it uses. Exchanges
// take one when they begin and keep it to their end, so that a reload never
// changes an exchange in flight. Safe for concurrent use.
type Runtime struct {
	policy        *policy.Policy
	cache         *keycache.Cache
	routes        map[*policy.Route]*route
	sealsResponse bool      // some plan seals values of a response
	decisive      headerSet // what no request may override
	stamp         string    // of policy

	refs    atomic.Int64 // exchanges in flight, and one for the server
	retired func()
}

// A route is a policy's route with its tags resolved.
type route struct {
	*policy.Route
	request, response *plan
	bindings          []binding // of their tags; see bind
	counts            *Counts
}

// A plan is the rules of one direction, ready to run.
type plan struct {
	*policy.Plan
	tags  []*keycache.Tag // by Field.Rule
	warm  []*keycache.Tag // the distinct tags that seal
	seals bool
	opens bool
}

// NewRuntime resolves every tag of p in c, and counts in m. retired, when not nil, is called once
// when the runtime has been replaced and its last exchange has ended.
func NewRuntime(p *policy.Policy, c *keycache.Cache, m *Metrics, retired func()) (*Runtime, error) {
	rt := &Runtime{policy: p, cache: c, routes: make(map[*policy.Route]*route, len(p.Routes)), retired: retired,
		decisive: those(decisive(p)), stamp: p.Stamp()}
	rt.refs.Store(1)
	tags := make([]*keycache.Tag, len(p.Tags))
	for i, t := range p.Tags {
		tag, err := c.Tag(t.Name, t.Key, t.Suite, t.Context, t.BoundPairs()...)
		if err != nil {
			return nil, fmt.Errorf("tag %s: %w", t.Name, err)
		}
		tags[i] = tag
	}
	for _, r := range p.Routes {
		ready := &route{Route: r, request: newPlan(r.Request, tags), response: newPlan(r.Response, tags),
			bindings: bindings(p, r, tags), counts: m.Route(r.Name)}
		rt.routes[r] = ready
		rt.sealsResponse = rt.sealsResponse || ready.response != nil && ready.response.seals
	}
	return rt, nil
}

func newPlan(p *policy.Plan, tags []*keycache.Tag) *plan {
	if p == nil {
		return nil
	}
	out := &plan{Plan: p, tags: make([]*keycache.Tag, len(p.Rules))}
	seen := make(map[int]bool)
	for i, r := range p.Rules {
		out.tags[i] = tags[r.Tag]
		if r.Open {
			out.opens = true
			continue
		}
		out.seals = true
		if !seen[r.Tag] {
			seen[r.Tag] = true
			out.warm = append(out.warm, tags[r.Tag])
		}
	}
	return out
}

// passes reports whether the policy says that bodies of that type pass unread. Two types
// in one, which a client may send for two servers to read differently, are no type. Nor does
// one pass that a lax server may read by a codec's format, unless the policy has its name.
func (p *plan) passes(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || !foreign(contentType) {
		return false
	}
	_, params, _ := strings.Cut(contentType, ";")
	for _, t := range p.PassTypes {
		if t == media && !formats.Table().Resembles(params) ||
			strings.HasSuffix(t, "/*") && strings.HasPrefix(media, t[:len(t)-1]) && !formats.Table().Resembles(contentType) {
			return true
		}
	}
	return false
}

// Policy returns the policy that the runtime was made from.
func (rt *Runtime) Policy() *policy.Policy { return rt.policy }

// Cache returns the data keys that the runtime uses.
func (rt *Runtime) Cache() *keycache.Cache { return rt.cache }

// acquire counts an exchange in. It fails when the runtime is gone already, and
// then a newer one is in place.
func (rt *Runtime) acquire() bool {
	for {
		n := rt.refs.Load()
		if n == 0 {
			return false
		}
		if rt.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (rt *Runtime) release() {
	if rt.refs.Add(-1) == 0 && rt.retired != nil {
		rt.retired()
	}
}
