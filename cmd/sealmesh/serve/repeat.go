package serve

import (
	"context"
	"math/rand/v2"
	"time"
)

// repeat calls f once per period until ctx ends. Each period varies at random
// by plus or minus spread, a fraction, so that the instances of a fleet that
// started together do not call a KMS at the same moment.
func repeat(ctx context.Context, period time.Duration, spread float64, f func(context.Context)) {
	for {
		wait := time.Duration((1 - spread + 2*spread*rand.Float64()) * float64(period))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			f(ctx)
		}
	}
}
