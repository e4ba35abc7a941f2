package hsm

import (
	"context"
	"time"
)

// A Call is one request of a provider to its back end. A provider that tries
// twice, or in two Regions, reports two calls.
type Call struct {
	Provider  string // kind: "awskms"
	Operation string // the back end's own name: "GenerateDataKey", "C_Decrypt"
	KeyID     string
	Region    string // "" if the back end has no Regions
	RequestID string // joins the call to the back end's audit log
	Start     time.Time
	End       time.Time
	Err       error // nil on success
}

type observerKey struct{}

// WithObserver returns a context whose provider calls are reported to f. f runs
// after a call has ended, in the goroutine that made the call. Calls may run at
// the same time, so f must be safe for concurrent use.
func WithObserver(ctx context.Context, f func(Call)) context.Context {
	return context.WithValue(ctx, observerKey{}, f)
}

// Observe reports c to the observer in ctx, if there is one. A provider calls
// Observe for every request to its back end, successful or not.
func Observe(ctx context.Context, c Call) {
	if f, ok := ctx.Value(observerKey{}).(func(Call)); ok {
		f(c)
	}
}
