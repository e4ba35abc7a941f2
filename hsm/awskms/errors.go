package awskms

import (
	"context"
	"errors"
	"fmt"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/sealmesh/sealmesh/hsm"
)

// classify turns an error of the SDK into an hsm.Error. It keeps the service's
// own sentence and drops the SDK's layers: a decoder's error has a snapshot of
// the response, which may hold a data key.
func classify(ctx context.Context, operation, keyID string, err error) *hsm.Error {
	if own, ok := errors.AsType[*hsm.Error](err); ok {
		return own
	}
	failed := &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: operation, KeyID: keyID, RequestID: requestID(err)}
	_, credentials := errors.AsType[credentialFault](err)
	api, answered := errors.AsType[smithy.APIError](err)
	switch {
	case answered:
		a := answer{code: api.ErrorCode(), status: statusOf(err), requestID: failed.RequestID, credentials: credentials}
		if a.code == untyped {
			a.code = ""
		}
		verdict := a.verdict()
		failed.Class, failed.Code, failed.Hint, failed.Err = verdict.class, a.code, verdict.hint, a.cause(api.ErrorMessage())
	case ctx.Err() != nil:
		failed.Err = ctx.Err()
	case isDecoding(err):
		failed.Err = errors.New("the response could not be read")
		failed.Hint = hintBetween
	default:
		failed.Err = errors.New(innermost(err).Error())
		failed.Hint = "check the network path to KMS: DNS, security groups, VPC endpoint, proxy settings"
	}
	return failed
}

// untyped is the SDK's code for an answer without one.
const untyped = "UnknownError"

// cause returns the service's own sentence, or nil. It never repeats what an
// intermediary says.
func (a answer) cause(message string) error {
	switch message = strings.TrimSpace(message); {
	case a.code == "":
		return fmt.Errorf("an answer with HTTP status %d that names no error of AWS's", a.status)
	case message == "":
		return nil
	}
	return errors.New(message)
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
	if e, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}
