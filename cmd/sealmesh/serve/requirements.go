package serve

import (
	"context"
	"time"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/keyset"
)

// While sealmesh runs, KEKs are checked against `require:` every requireEvery,
// plus or minus requireSpread.
const (
	requireEvery  = 10 * time.Minute
	requireSpread = 0.2
)

// lastViolations returns the violations that the last check found.
func (r *reloader) lastViolations() keyset.Violations {
	if v := r.violations.Load(); v != nil {
		return *v
	}
	return nil
}

// checkRequirements checks the KEKs of the policy in force against `require:`.
// A KEK that no longer meets its requirements is logged and counted, and is
// still used: switching off its rotation must not cause an outage.
func (r *reloader) checkRequirements(ctx context.Context) {
	g, p, release := r.hold()
	defer release()
	violations, unavailable := keyset.Check(ctx, p.Keys, g.keysOf(p))
	if ctx.Err() != nil {
		return
	}
	if err := unavailable.Err(); err != nil {
		r.log.Warn("could not check a KEK against its requirements", "error", err.Error())
	}
	if err := violations.Err(); err != nil {
		r.log.Error("a KEK violates the requirements of the policy", "error", err.Error())
	}
	r.violations.Store(&violations)
}
