package proxy

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/places"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A Runtime is a compiled policy joined with the keys that it uses. An exchange
// uses one runtime from beginning to end: a reload never changes an active
// exchange. Safe for concurrent use.
type Runtime struct {
	policy        *policy.Policy
	cache         *keycache.Cache
	routes        map[*policy.Route]*route
	sealsResponse bool      // some plan seals values of a response
	decisive      headerSet // headers that no request may carry
	stamp         string    // of policy

	refs    atomic.Int64 // exchanges in flight, and one for the server
	retired func()
}

// A route is a policy's route with its tags resolved.
type route struct {
	*policy.Route
	request, response *plan
	bindings          []binding
	counts            *Counts
}

// name returns the name of r, "" for nil.
func (r *route) name() string {
	if r == nil {
		return ""
	}
	return r.Name
}

// A plan is the rules of one direction, ready to run.
type plan struct {
	*policy.Plan
	tags  []*keycache.Tag // by Field.Rule
	warm  []*keycache.Tag // the distinct tags that seal in bodies
	seals bool            // in bodies
	opens bool            // in bodies

	beside *beside // nil without rules for places beside the body
	query  *plan   // the rules of the query; nil for none
}

// NewRuntime resolves every tag of p in c, and counts in m. If retired is not
// nil, it is called once: when the runtime has been replaced, or its server
// closed, and its last exchange has ended.
func NewRuntime(p *policy.Policy, c *keycache.Cache, m *Metrics, retired func()) (*Runtime, error) {
	rt := &Runtime{policy: p, cache: c, routes: make(map[*policy.Route]*route, len(p.Routes)), retired: retired,
		decisive: overriders(decisive(p)), stamp: p.Stamp()}
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
		rt.sealsResponse = rt.sealsResponse || ready.response != nil && ready.response.sealsAny()
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
		if r.In != places.Body {
			continue
		}
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
	out.beside, out.query = besideOf(p), newPlan(p.Query, tags)
	return out
}

// sealsAny reports whether p seals a value in any place.
func (p *plan) sealsAny() bool {
	return slices.ContainsFunc(p.Rules, func(r policy.Rule) bool { return !r.Open })
}

// Policy returns the policy that the runtime was made from.
func (rt *Runtime) Policy() *policy.Policy { return rt.policy }

// Cache returns the cache of data keys that the runtime uses.
func (rt *Runtime) Cache() *keycache.Cache { return rt.cache }

// acquire counts an exchange. It is false when the runtime has been retired; a
// newer one is in place then.
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

// A binding is a tag whose context takes values from the path of each request.
type binding struct {
	tag  *keycache.Tag
	from []policy.Bound
}

// bindings returns the bindings of the tags that rules of r use, each once.
// tags are the resolved tags of p, in the order of p.
func bindings(p *policy.Policy, r *policy.Route, tags []*keycache.Tag) []binding {
	var all []binding
	for _, plan := range []*policy.Plan{r.Request, r.Response} {
		if plan == nil {
			continue
		}
		for _, rule := range plan.Rules {
			b := binding{tags[rule.Tag], p.Tags[rule.Tag].ContextFrom}
			if len(b.from) > 0 && !slices.ContainsFunc(all, func(o binding) bool { return o.tag == b.tag }) {
				all = append(all, b)
			}
		}
	}
	return all
}

// bind returns the plans of r for one exchange, whose path parameters param
// returns by name. Without bindings these are the plans of every exchange.
func (r *route) bind(param func(name string) (string, error)) (request, response *plan, err error) {
	if len(r.bindings) == 0 {
		return r.request, r.response, nil
	}
	request, response = r.request.clone(), r.response.clone()
	for _, b := range r.bindings {
		tag, err := b.bind(param)
		if err != nil {
			return nil, nil, err
		}
		request.replace(b.tag, tag)
		response.replace(b.tag, tag)
	}
	return request, response, nil
}

func (b *binding) bind(param func(name string) (string, error)) (*keycache.Tag, error) {
	var room [4]string
	values := room[:0]
	for _, from := range b.from {
		value, err := param(from.Param)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return b.tag.Bind(values)
}

// clone returns a copy of p whose tags may be replaced, nil for nil.
func (p *plan) clone() *plan {
	if p == nil {
		return nil
	}
	own := *p
	own.tags, own.query = slices.Clone(p.tags), p.query.clone()
	return &own
}

func (p *plan) replace(old, tag *keycache.Tag) {
	if p == nil {
		return
	}
	for i := range p.tags {
		if p.tags[i] == old {
			p.tags[i] = tag
		}
	}
	p.query.replace(old, tag)
}
