package store

import (
	"context"
	"time"
)

// A Call is one request of a store to its back end, in the terms of the
// OpenTelemetry conventions for databases. A store that retries reports each
// request. A Call contains no id of a data key and no slot.
type Call struct {
	System     string // db.system.name: "postgresql", "aws.dynamodb", "dir"
	Operation  string // db.operation.name, the back end's own: "INSERT", "GetItem"
	Namespace  string // db.namespace: the database, if the server has several
	Collection string // db.collection.name: the table or folder
	Server     string // server.address, if there is a server
	Port       int    // server.port, or 0
	Region     string // if the back end has Regions
	RequestID  string // joins the call to the back end's audit log
	Code       string // db.response.status_code of a failure: SQLSTATE, exception
	Start      time.Time
	End        time.Time
	Err        error // nil on success; for its class only, not for its text
}

type observerKey struct{}

// WithObserver returns a context whose store calls are reported to f, from the
// goroutine that made the call, after the call.
func WithObserver(ctx context.Context, f func(Call)) context.Context {
	return context.WithValue(ctx, observerKey{}, f)
}

// Observe reports c to the observer in ctx, if there is one. Every store calls
// it for every request to its back end, also for failed ones.
func Observe(ctx context.Context, c Call) {
	if f, ok := ctx.Value(observerKey{}).(func(Call)); ok {
		f(c)
	}
}
