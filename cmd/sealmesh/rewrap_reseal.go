package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// resealer opens under one tag and seals under one, which may be the same. Each
// envelope is a session of its own, so that its key uses are recorded before it is
// written.
func resealer(opt rewrapOptions, p *policy.Policy, c *keycache.Cache) (change, error) {
	tags, err := boundTags(p, c, opt.params, cmp.Or(opt.from, opt.reseal), opt.reseal)
	if err != nil {
		return nil, fmt.Errorf("rewrap: %w", err)
	}
	return func(ctx context.Context, dst, text []byte) ([]byte, keycache.Wrapping, error) {
		if _, _, _, err := envelope.Parse(nil, text); err != nil || opt.dryRun {
			return dst, keycache.Outdated, err
		}
		s := c.Session(ctx, keyuse.Exchange{Route: "sealmesh.rewrap", Direction: "sealmesh.rewrap"})
		out, err := reseal(s, tags[0], tags[1], dst, text)
		return out, keycache.Outdated, err
	}, nil
}

func reseal(s *keycache.Session, from, to *keycache.Tag, dst, text []byte) ([]byte, error) {
	value, kind, err := s.Open(nil, from, text)
	defer clear(value)
	out := dst
	if err == nil {
		out, err = s.Seal(dst, to, kind, value)
	}
	if err := errors.Join(err, s.Close(err)); err != nil {
		return dst, err
	}
	return out, nil
}

// boundTags returns the tags of p that have those names, bound to params, each of which
// one of them must ask for.
func boundTags(p *policy.Policy, c *keycache.Cache, params map[string]string, names ...string) ([]*keycache.Tag, error) {
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
