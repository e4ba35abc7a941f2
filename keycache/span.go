package keycache

import (
	"context"
	"errors"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Attributes of the client span of a provider call. OpenTelemetry has no
// conventions for a KMS; kms.* are what others use, and what is said of AWS
// follows the conventions for its SDK.
const (
	attrProvider  = attribute.Key("kms.provider")
	attrOperation = attribute.Key("kms.operation")
	attrKeyID     = attribute.Key("kms.key_id")
	attrKeyName   = attribute.Key("sealmesh.key.name")
	attrErrorType = attribute.Key("error.type")
	attrErrorCode = attribute.Key("kms.error.code")

	attrRPCSystem  = attribute.Key("rpc.system")
	attrRPCService = attribute.Key("rpc.service")
	attrRPCMethod  = attribute.Key("rpc.method")
	attrRequestID  = attribute.Key("aws.request_id") // joins the span to CloudTrail
	attrRegion     = attribute.Key("cloud.region")
)

// parentOf returns the caller's span, if the exchange has one.
func parentOf(x *keyuse.Exchange) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: x.TraceID, SpanID: x.ParentID, TraceFlags: trace.FlagsSampled, Remote: true,
	})
}

// observe has every request that a provider makes to its back end become a span,
// below the exchange that was the first to need it.
func (e *shared) observe(ctx context.Context, keyName string, parent trace.SpanContext) context.Context {
	if e.tracer == nil {
		return ctx
	}
	if parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	return hsm.WithObserver(ctx, func(call hsm.Call) {
		_, span := e.tracer.Start(ctx, spanName(&call), trace.WithSpanKind(trace.SpanKindClient),
			trace.WithTimestamp(call.Start), trace.WithAttributes(attributesOf(&call)...), trace.WithAttributes(attrKeyName.String(keyName)))
		if call.Err != nil {
			// The class and the back end's code, not the message: that is the back end's own, and for logs.
			span.SetStatus(codes.Error, hsm.ClassOf(call.Err).String())
		}
		span.End(trace.WithTimestamp(call.End))
	})
}

func spanName(call *hsm.Call) string {
	if call.Provider == "awskms" {
		return "KMS." + call.Operation
	}
	return call.Provider + " " + call.Operation
}

func attributesOf(call *hsm.Call) []attribute.KeyValue {
	as := []attribute.KeyValue{
		attrProvider.String(call.Provider),
		attrOperation.String(call.Operation),
		attrKeyID.String(call.KeyID),
	}
	if call.Provider == "awskms" {
		as = append(as, attrRPCSystem.String("aws-api"), attrRPCService.String("KMS"), attrRPCMethod.String(call.Operation))
		if call.RequestID != "" {
			as = append(as, attrRequestID.String(call.RequestID))
		}
	}
	if call.Region != "" {
		as = append(as, attrRegion.String(call.Region))
	}
	if call.Err != nil {
		as = append(as, attrErrorType.String(hsm.ClassOf(call.Err).String()))
		if e, ok := errors.AsType[*hsm.Error](call.Err); ok && e.Code != "" {
			as = append(as, attrErrorCode.String(e.Code))
		}
	}
	return as
}
