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
	"github.com/aws/smithy-go"
	pipeline "github.com/aws/smithy-go/middleware"

	"github.com/sealmesh/sealmesh/hsm"
)

// Callers of a proxy wait, so tries are few and close together. keycache gets
// through a long outage with cached data keys. The SDK's own back-off grows to
// 20 seconds.
const (
	maxAttempts = 3
	baseBackoff = 50 * time.Millisecond
	maxBackoff  = 200 * time.Millisecond
	dialTimeout = time.Second
)

// httpClient is shared by all Regions of a provider.
func httpClient(timeout time.Duration) aws.HTTPClient {
	return awshttp.NewBuildableClient().
		WithTimeout(timeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout })
}

// loadConfig finds credentials as every AWS tool does: environment, shared
// files, web identity (IRSA), Pod Identity, container, instance. It fetches
// them once, so that missing credentials or a dead instance metadata service
// are an error at start-up and not a slow first request.
func loadConfig(ctx context.Context, s settings, client aws.HTTPClient) (aws.Config, error) {
	cfg, err := configIn(ctx, s, s.key.region, client)
	if err != nil {
		return aws.Config{}, err
	}
	return cfg, fetchCredentials(ctx, s, cfg)
}

// configIn is the configuration of one Region. Each Region has its own, since
// roles are assumed at the Region's STS: an STS that is down must not affect
// the other Regions.
func configIn(ctx context.Context, s settings, region string, client aws.HTTPClient) (aws.Config, error) {
	opts := []func(*config.LoadOptions) error{
		config.WithRegion(region),
		config.WithHTTPClient(client),
		config.WithRetryer(retryer), // of those who give credentials, too
	}
	if s.profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(s.profile))
	}
	if s.fips {
		opts = append(opts, config.WithUseFIPSEndpoint(aws.FIPSEndpointStateEnabled))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return aws.Config{}, noCredentials(ctx, s, err)
	}
	if err := checkProcess(s, cfg); err != nil {
		return aws.Config{}, err
	}
	if cfg.Credentials != nil {
		cfg.Credentials = markedCredentials{cfg.Credentials}
	}
	return cfg, nil
}

// fetchCredentials checks, in order, that one of the configurations has
// credentials. Those of later Regions are fetched when the Region is first
// used.
func fetchCredentials(ctx context.Context, s settings, cfgs ...aws.Config) error {
	var failed error
	for _, cfg := range cfgs {
		if cfg.Credentials == nil {
			return nil
		}
		_, err := cfg.Credentials.Retrieve(ctx)
		if err == nil {
			return nil
		}
		this := noCredentials(ctx, s, err)
		if !inconclusive(this) {
			return this
		}
		if failed == nil || hsm.ClassOf(failed) == hsm.Unavailable {
			failed = this
		}
	}
	return failed
}

// noCredentials distinguishes missing credentials from an outage of the service
// that gives them.
func noCredentials(ctx context.Context, s settings, err error) *hsm.Error {
	failed := classify(ctx, "LoadCredentials", s.key.String(), err)
	if _, answered := errors.AsType[smithy.APIError](err); answered || ctx.Err() != nil {
		return failed
	}
	if op, ok := errors.AsType[*smithy.OperationError](err); ok && (op.ServiceID == "STS" || strings.HasPrefix(op.ServiceID, "SSO")) {
		failed.Hint = "check the network path to " + op.ServiceID + ", which gives the credentials: DNS, security groups, VPC endpoint, proxy settings"
		return failed
	}
	failed.Class = hsm.Misconfigured
	failed.Hint = "give the process AWS credentials: a role for its service account, pod, task or instance, a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	return failed
}

func newClient(cfg aws.Config, s settings, key keyARN) (*kms.Client, error) {
	client := kms.NewFromConfig(cfg, func(o *kms.Options) {
		o.Region = key.region
		if s.endpoint != "" {
			o.BaseEndpoint = aws.String(strings.ReplaceAll(s.endpoint, "{region}", key.region))
		}
		o.ClientLogMode = 0 // bodies hold data keys, whatever the environment asks to log
		o.RetryMaxAttempts = maxAttempts
		o.Retryer = retryer()
		o.APIOptions = append(o.APIOptions, func(stack *pipeline.Stack) error {
			return stack.Finalize.Insert(observer{key}, "Retry", pipeline.After)
		})
	})
	if err := s.checkClient(client.Options()); err != nil {
		return nil, &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: "Open", KeyID: key.String(), Err: err}
	}
	return client, nil
}

// checkClient checks AWS_ENDPOINT_URL_KMS and AWS_USE_FIPS_ENDPOINT by the same
// rules as the options.
func (s *settings) checkClient(o kms.Options) error {
	if o.BaseEndpoint == nil {
		return nil
	}
	if o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled {
		return errFIPSEndpoint
	}
	if s.endpoint != "" {
		return checkEndpoint(*o.BaseEndpoint) // checked with its Region left open, too
	}
	return s.checkEndpoint(*o.BaseEndpoint)
}

func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.MaxBackoff = maxBackoff
		o.Backoff = retry.BackoffDelayerFunc(backoff)
	})
}

// backoff is exponential with full jitter, so that many sidecars do not retry
// at the same moment.
func backoff(attempt int, _ error) (time.Duration, error) {
	return rand.N(min(baseBackoff<<min(attempt, 8), maxBackoff)), nil
}

// An observer reports each try to hsm.Observe. It is inside the SDK's retry
// loop, so that two tries are two calls, each with its request id.
type observer struct{ key keyARN }

func (observer) ID() string { return "sealmesh.Observe" }

func (o observer) HandleFinalize(ctx context.Context, in pipeline.FinalizeInput, next pipeline.FinalizeHandler) (pipeline.FinalizeOutput, pipeline.Metadata, error) {
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

// requestID returns the id that joins err to CloudTrail, if KMS answered.
func requestID(err error) string {
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return e.ServiceRequestID()
	}
	return ""
}
