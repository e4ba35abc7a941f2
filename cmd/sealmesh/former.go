package main

import (
	"context"
	"fmt"
	"io"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// formerTargets returns the keys that an alias stood for before, as its URI names them.
// It asks nobody.
func formerTargets(uri string) ([]hsm.KEK, error) {
	keks, err := builtin.Targets(uri)
	if err != nil || len(keks) == 1 && keks[0].URI == uri {
		return nil, err
	}
	return keks, nil
}

// printFormer names the former targets of every alias of p, and warns of a URI that
// cannot be read.
func printFormer(p *policy.Policy, w, warn io.Writer) {
	for _, k := range p.Keys {
		for _, uri := range k.KEKs {
			former, err := formerTargets(uri)
			if err != nil {
				fmt.Fprintf(warn, "warning: key %s: %v\n", k.Name, err)
			}
			for _, kek := range former {
				fmt.Fprintf(w, "key %s: what %s wrapped opens while that key is enabled: a former target of %s\n", k.Name, kek.URI, uri)
			}
		}
	}
}

// verifyFormer says what a former target of an alias is. That it is disabled by now is no
// failure: what it wrapped is denied then.
func verifyFormer(ctx context.Context, key string, kek hsm.KEK) verified {
	v := verify(ctx, key, kek, nil)
	v.Result = "former target"
	if v.failed != nil {
		v.Result = "former target, " + hsm.ClassOf(v.failed).String()
	}
	return v
}

// A wrapper is a KEK of a policy that inspect can tell by its reference.
type wrapper struct {
	hsm.KEK
	alias string // the URI of which it is a former target, or ""
}

// identified returns the KEKs of p that their URIs alone identify.
func identified(p *policy.Policy) ([]wrapper, error) {
	var all []wrapper
	for _, k := range p.Keys {
		for _, uri := range k.KEKs {
			keks, err := builtin.Targets(uri)
			if err != nil {
				return nil, fmt.Errorf("key %s: %w", k.Name, err)
			}
			for _, kek := range keks {
				w := wrapper{KEK: kek}
				if kek.URI != uri {
					w.alias = uri
				}
				all = append(all, w)
			}
		}
	}
	return all, nil
}
