package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// requireEvery is how often the KEKs are held against `require:` while sealmesh
// runs, give or take a fifth, so that a fleet does not ask in step.
const requireEvery = 10 * time.Minute

// watchRequirements checks the requirements of the policy in place until ctx ends. A
// KEK that is no longer as required is logged and counted; it goes on serving, since
// an outage is not what anybody asked for when rotation was switched off.
func (r *reloader) watchRequirements(ctx context.Context) {
	for {
		wait := time.Duration((0.8 + 0.4*rand.Float64()) * float64(requireEvery))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			r.checkRequirements(ctx)
		}
	}
}

func (r *reloader) checkRequirements(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	differing := 0
	for _, k := range r.server.Runtime().Policy().Keys {
		key := r.keys.ring.Key(k.Name)
		if k.Require == nil || key == nil {
			continue
		}
		for _, kek := range key.KEKs {
			err := kek.Require(ctx, hsm.Requirement(*k.Require))
			if err != nil && hsm.ClassOf(err) != hsm.Unavailable {
				differing++
				r.log.Error("a KEK is not what the policy requires", "key", k.Name, "error", err.Error())
			}
		}
	}
	r.differing.Store(int64(differing))
}
