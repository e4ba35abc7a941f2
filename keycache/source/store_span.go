package source

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// Attributes of the client span of a store's request, by OpenTelemetry's stable
// conventions for databases. None shows what was asked for: ids are not names.
const (
	attrDBSystem     = attribute.Key("db.system.name")
	attrDBOperation  = attribute.Key("db.operation.name")
	attrDBNamespace  = attribute.Key("db.namespace")
	attrDBCollection = attribute.Key("db.collection.name")
	attrDBStatus     = attribute.Key("db.response.status_code")
	attrKeyName      = attribute.Key("sealmesh.key.name")
	attrErrorType    = attribute.Key("error.type")
	attrRequestID    = attribute.Key("aws.request_id") // joins the span to CloudTrail
	attrRegion       = attribute.Key("cloud.region")
	attrServer       = attribute.Key("server.address")
	attrPort         = attribute.Key("server.port")
)

// observe returns a context in which every request that the store makes to its
// back end becomes a span: a child of the span in ctx.
func (rs *RecordStore) observe(ctx context.Context) context.Context {
	tracer := rs.tracer
	if tracer == nil {
		return ctx
	}
	return store.WithObserver(ctx, func(call store.Call) {
		_, span := tracer.Start(ctx, call.Operation+" "+call.Collection, trace.WithSpanKind(trace.SpanKindClient),
			trace.WithTimestamp(call.Start), trace.WithAttributes(storeAttributes(&call)...), trace.WithAttributes(attrKeyName.String(rs.scope.Key)))
		if call.Err != nil {
			span.SetStatus(codes.Error, failureOf(&call))
		}
		span.End(trace.WithTimestamp(call.End))
	})
}

func storeAttributes(call *store.Call) []attribute.KeyValue {
	as := []attribute.KeyValue{attrDBSystem.String(call.System), attrDBOperation.String(call.Operation)}
	for _, a := range []struct {
		key   attribute.Key
		value string
	}{
		{attrDBNamespace, call.Namespace}, {attrDBCollection, call.Collection}, {attrDBStatus, call.Code},
		{attrServer, call.Server}, {attrRegion, call.Region}, {attrRequestID, call.RequestID},
	} {
		if a.value != "" {
			as = append(as, a.key.String(a.value))
		}
	}
	if call.Port != 0 {
		as = append(as, attrPort.Int(call.Port))
	}
	if call.Err != nil {
		as = append(as, attrErrorType.String(failureOf(call)))
	}
	return as
}

// failureOf returns the back end's code for a failure, or else its class: never
// the text.
func failureOf(call *store.Call) string {
	switch {
	case call.Code != "":
		return call.Code
	case errors.Is(call.Err, store.ErrCorrupt):
		return hsm.Corrupt.String()
	case errors.Is(call.Err, store.ErrMisconfigured):
		return hsm.Misconfigured.String()
	case errors.Is(call.Err, context.DeadlineExceeded):
		return "timeout"
	default:
		return hsm.Unavailable.String()
	}
}
