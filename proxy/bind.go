package proxy

import (
	"slices"

	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A binding is a tag whose context takes values from the path of each request.
type binding struct {
	tag  *keycache.Tag
	from []policy.Bound
}

// bindings returns those of the tags that the rules of r use, each once. tags are
// those of p, in its order.
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

// bind returns the plans of r for one exchange, in whose path param finds parameters.
// Where no tag is bound to any they are those of every exchange.
func (r *route) bind(param func(name string) (string, error)) (request, response *plan, err error) {
	if len(r.bindings) == 0 {
		return r.request, r.response, nil
	}
	request, response = r.request.copied(), r.response.copied()
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

// copied is a copy of p whose tags may be replaced.
func (p *plan) copied() *plan {
	if p == nil {
		return nil
	}
	own := *p
	own.tags = slices.Clone(p.tags)
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
}
