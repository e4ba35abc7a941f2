package awskms

import (
	"context"
	"errors"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/sealmesh/sealmesh/hsm"
)

// classify turns what the SDK returned into ours. It keeps the service's own
// sentence and drops the SDK's layers: a decoder's error carries a snapshot of
// the response, which may hold a data key.
func classify(ctx context.Context, operation, keyID string, err error) *hsm.Error {
	if own, ok := errors.AsType[*hsm.Error](err); ok {
		return own
	}
	failed := &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: operation, KeyID: keyID, RequestID: requestID(err)}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		failed.Code = api.ErrorCode()
		failed.Err = errors.New(strings.TrimSpace(api.ErrorMessage()))
		if api.ErrorMessage() == "" {
			failed.Err = nil
		}
		verdict := verdictOn(failed.Code, statusOf(err))
		failed.Class, failed.Hint = verdict.class, verdict.hint
		return failed
	}
	switch {
	case ctx.Err() != nil:
		failed.Err = ctx.Err()
	case isDecoding(err):
		failed.Err = errors.New("the response could not be read")
		failed.Hint = "something between here and KMS answered in its place; check endpoint= and the proxy settings"
	default:
		failed.Err = errors.New(innermost(err).Error())
		failed.Hint = "check the network path to KMS: DNS, security groups, VPC endpoint, proxy settings"
	}
	return failed
}

func isDecoding(err error) bool {
	_, response := errors.AsType[*awshttp.ResponseError](err)
	_, decoding := errors.AsType[*smithy.DeserializationError](err)
	return response || decoding
}

// innermost strips the SDK's operation wrapper, whose text repeats ours.
func innermost(err error) error {
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		return op.Err
	}
	return err
}

func statusOf(err error) int {
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

// verdictOn looks a code up. A code that nobody has seen yet goes by the HTTP
// status: refused is refused, and a failing server may recover.
func verdictOn(code string, status int) verdict {
	if v, ok := verdicts[code]; ok {
		return v
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return verdict{hsm.Denied, hintPermission}
	case status == http.StatusTooManyRequests || status >= 500 || status == 0:
		return verdict{hsm.Unavailable, hintRetry}
	default:
		return verdict{hsm.Misconfigured, "look the code up in the AWS KMS API reference"}
	}
}
