package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// BoundTags returns the tags of p with these names, in their order, bound to
// the path parameters that their context_from names. Every parameter must be
// used by one of the tags.
func BoundTags(p *policy.Policy, c *keycache.Cache, params map[string]string, names ...string) ([]*keycache.Tag, error) {
	var tags []*keycache.Tag
	unused := maps.Clone(params)
	for _, name := range names {
		i := slices.IndexFunc(p.Tags, func(t policy.Tag) bool { return t.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("the policy has no tag %q", name)
		}
		t := p.Tags[i]
		tag, err := c.Tag(t.Name, t.Key, t.Suite, t.Context, t.BoundPairs()...)
		if err != nil {
			return nil, err
		}
		var values []string
		for _, b := range t.ContextFrom {
			value, ok := params[b.Param]
			if !ok {
				return nil, fmt.Errorf("tag %q is bound to {%s} of the path: give --param %[2]s=VALUE", name, b.Param)
			}
			values = append(values, value)
			delete(unused, b.Param)
		}
		if tag, err = tag.Bind(values); err != nil {
			return nil, err
		}
		tags = append(tags, tag)
	}
	for name := range unused {
		return nil, fmt.Errorf("--param %s: no tag here is bound to it", name)
	}
	return tags, nil
}
