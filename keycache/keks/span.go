package keks

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/hsm"
)

// Attributes of the client span of a provider call. OpenTelemetry has no
// conventions for a KMS: kms.* is what other projects use. The attributes for
// AWS follow the conventions for the AWS SDK.
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

// observe returns a context in which every request that a provider makes to its
// back end becomes a span: a child of the span in ctx.
func (s *settings) observe(ctx context.Context) context.Context {
	if s.Tracer == nil {
		return ctx
	}
	return hsm.WithObserver(ctx, func(call hsm.Call) {
		_, span := s.Tracer.Start(ctx, spanName(&call), trace.WithSpanKind(trace.SpanKindClient),
			trace.WithTimestamp(call.Start), trace.WithAttributes(attributesOf(&call)...), trace.WithAttributes(attrKeyName.String(s.key)))
		if call.Err != nil {
			// The class and the back end's code. The message may say more: it is for
			// logs.
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
