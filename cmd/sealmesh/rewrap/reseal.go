package rewrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/rewrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// resealer returns a change that opens under one tag and seals under another or
// the same. Each envelope has a session of its own, so its key uses are
// recorded before it is written.
func resealer(opt options, p *policy.Policy, c *keycache.Cache) (change, error) {
	tags, err := cli.BoundTags(p, c, opt.params, cmp.Or(opt.from, opt.reseal), opt.reseal)
	if err != nil {
		return nil, fmt.Errorf("rewrap: %w", err)
	}
	return func(ctx context.Context, dst, text []byte) ([]byte, rewrap.Status, error) {
		if _, _, _, err := envelope.Parse(nil, text); err != nil || opt.dryRun {
			return dst, rewrap.Outdated, err
		}
		s := c.Session(ctx, keyuse.Exchange{Route: "sealmesh.rewrap", Direction: "sealmesh.rewrap"})
		out, err := reseal(s, tags[0], tags[1], dst, text)
		return out, rewrap.Outdated, err
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
