package awskms

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	smithy "github.com/aws/smithy-go/middleware"

	"github.com/sealmesh/sealmesh/hsm"
)

// A proxy has callers waiting: it tries little and soon, and leaves waiting out
// a long outage to keycache, which serves from what it has. The SDK's own
// back-off goes up to 20 seconds.
const (
	maxAttempts = 3
	baseBackoff = 50 * time.Millisecond
	maxBackoff  = 200 * time.Millisecond
	dialTimeout = time.Second
)

// httpClient is what all of a provider's Regions share.
func httpClient(timeout time.Duration) aws.HTTPClient {
	return awshttp.NewBuildableClient().
		WithTimeout(timeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout })
}

// loadConfig finds credentials the way every AWS tool does: environment, shared
// files, web identity (IRSA), Pod Identity, container, instance. They are
// fetched once here, so that missing ones, or an instance metadata service that
// does not answer, are a start-up error and not a slow first request.
func loadConfig(ctx context.Context, s settings, client aws.HTTPClient) (aws.Config, error) {
	opts := []func(*config.LoadOptions) error{
		config.WithRegion(s.key.region),
		config.WithHTTPClient(client),
	}
	if s.profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(s.profile))
	}
	if s.fips {
		opts = append(opts, config.WithUseFIPSEndpoint(aws.FIPSEndpointStateEnabled))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err == nil && cfg.Credentials != nil {
		_, err = cfg.Credentials.Retrieve(ctx)
	}
	if err == nil {
		return cfg, nil
	}
	failed := classify(ctx, "LoadCredentials", s.key.String(), err)
	if ctx.Err() == nil && failed.Code == "" {
		failed.Class = hsm.Misconfigured
		failed.Hint = "give the process AWS credentials: a role for its service account, pod, task or instance, a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	}
	return aws.Config{}, failed
}

func newClient(cfg aws.Config, s settings, key keyARN) (*kms.Client, error) {
	client := kms.NewFromConfig(cfg, func(o *kms.Options) {
		o.Region = key.region
		if s.endpoint != "" {
			o.BaseEndpoint = aws.String(strings.ReplaceAll(s.endpoint, "{region}", key.region))
		}
		o.ClientLogMode = 0 // bodies hold data keys, whatever the environment asks to log
		o.RetryMaxAttempts = maxAttempts
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = maxAttempts
			o.MaxBackoff = maxBackoff
			o.Backoff = retry.BackoffDelayerFunc(backoff)
		})
		o.APIOptions = append(o.APIOptions, func(stack *smithy.Stack) error {
			return stack.Finalize.Insert(observer{key}, "Retry", smithy.After)
		})
	})
	// AWS_ENDPOINT_URL_KMS is held to the same rule as the option.
	if e := client.Options().BaseEndpoint; e != nil {
		if err := checkEndpoint(*e); err != nil {
			return nil, &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: "Open", KeyID: key.String(), Err: err}
		}
	}
	return client, nil
}

// backoff is exponential with full jitter, so that many sidecars do not come
// back in step.
func backoff(attempt int, _ error) (time.Duration, error) {
	return rand.N(min(baseBackoff<<min(attempt, 8), maxBackoff)), nil
}

// An observer reports each try to hsm.Observe. It stands inside the SDK's retry
// loop, so that two tries are two calls, each with its request id.
type observer struct{ key keyARN }

func (observer) ID() string { return "sealmesh.Observe" }

func (o observer) HandleFinalize(ctx context.Context, in smithy.FinalizeInput, next smithy.FinalizeHandler) (smithy.FinalizeOutput, smithy.Metadata, error) {
	start := time.Now()
	out, meta, err := next.HandleFinalize(ctx, in)
	call := hsm.Call{
		Provider: Kind, Operation: middleware.GetOperationName(ctx), KeyID: o.key.String(), Region: o.key.region,
		Start: start, End: time.Now(),
	}
	call.RequestID, _ = middleware.GetRequestIDMetadata(meta)
	if err != nil {
		failed := classify(ctx, call.Operation, call.KeyID, err)
		if call.RequestID == "" {
			call.RequestID = failed.RequestID
		}
		call.Err = failed
	}
	hsm.Observe(ctx, call)
	return out, meta, err
}

// requestID returns the id that joins err to CloudTrail, where KMS answered.
func requestID(err error) string {
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return e.ServiceRequestID()
	}
	return ""
}
