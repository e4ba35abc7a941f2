package hsm

import (
	"context"
	"time"
)

// A Call is one request that a provider made to its back end. A provider that
// tries twice, or in two Regions, reports two.
type Call struct {
	Provider  string // kind: "awskms"
	Operation string // the back end's own name: "GenerateDataKey", "C_Decrypt"
	KeyID     string
	Region    string // where the back end has Regions
	RequestID string // joins the call to the back end's audit log
	Start     time.Time
	End       time.Time
	Err       error // nil on success
}

type observerKey struct{}

// WithObserver returns a context whose provider calls are reported to f. f is
// called from whichever goroutine made the call, once the call has ended.
func WithObserver(ctx context.Context, f func(Call)) context.Context {
	return context.WithValue(ctx, observerKey{}, f)
}

// Observe reports c to the observer in ctx, if there is one. Every provider
// calls it for every request to its back end, failed ones included.
func Observe(ctx context.Context, c Call) {
	if f, ok := ctx.Value(observerKey{}).(func(Call)); ok {
		f(c)
	}
}
