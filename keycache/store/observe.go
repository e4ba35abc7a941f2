package store

import (
	"context"
	"time"
)

// A Call is one request that a store made to its back end, in the words of
// OpenTelemetry's conventions for databases. A store that asks twice reports two. It
// shows no data key's id and no slot.
type Call struct {
	System     string // db.system.name: "postgresql", "aws.dynamodb", "dir"
	Operation  string // db.operation.name, the back end's own: "INSERT", "GetItem"
	Namespace  string // db.namespace: the database, where there are several
	Collection string // db.collection.name: the table or folder
	Server     string // server.address, where there is one
	Port       int    // server.port, or 0
	Region     string // where the back end has Regions
	RequestID  string // joins the call to the back end's audit log
	Code       string // db.response.status_code of a failure: SQLSTATE, exception
	Start      time.Time
	End        time.Time
	Err        error // nil on success; for its class, not for a text
}

type observerKey struct{}

// WithObserver returns a context whose calls of a store are reported to f, from
// whichever goroutine made the call, once it has ended.
func WithObserver(ctx context.Context, f func(Call)) context.Context {
	return context.WithValue(ctx, observerKey{}, f)
}

// Observe reports c to the observer in ctx, if there is one. Every store calls it for
// every request to its back end, failed ones included.
func Observe(ctx context.Context, c Call) {
	if f, ok := ctx.Value(observerKey{}).(func(Call)); ok {
		f(c)
	}
}
