package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// repeat calls f again and again until ctx ends: once in a period, give or take spread, a
// share of it, so that a fleet that started together does not ask in step.
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
