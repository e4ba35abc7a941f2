package dynamodb

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithymiddleware "github.com/aws/smithy-go/middleware"

	"github.com/sealmesh/sealmesh/keycache/store"
)

// An observer reports each attempt to store.Observe. It runs inside the retry
// loop of the SDK, so that two attempts are two calls with a request id each.
type observer struct{ table, region string }

func (observer) ID() string { return "sealmesh.Observe" }

func (o observer) HandleFinalize(ctx context.Context, in smithymiddleware.FinalizeInput, next smithymiddleware.FinalizeHandler) (smithymiddleware.FinalizeOutput, smithymiddleware.Metadata, error) {
	call := store.Call{
		System: "aws.dynamodb", Operation: middleware.GetOperationName(ctx), Collection: o.table, Region: o.region, Start: time.Now(),
	}
	out, meta, err := next.HandleFinalize(ctx, in)
	call.End, call.Err, call.Code = time.Now(), err, codeOf(err)
	call.RequestID, _ = middleware.GetRequestIDMetadata(meta)
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok && call.RequestID == "" {
		call.RequestID = e.ServiceRequestID()
	}
	store.Observe(ctx, call)
	return out, meta, err
}

// codeOf returns the name of the exception that the service returned.
func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}
