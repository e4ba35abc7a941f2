package azurekv

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/guard"
)

// A client makes requests to one vault about one key. Safe for concurrent use.
type client struct {
	keys    *azkeys.Client
	name    string
	keyID   string // for errors and calls
	timeout time.Duration
	http    *http.Client
	tokens  *tokens
}

func newClient(s settings) (*client, error) {
	c := &client{name: s.name, keyID: s.host + "/keys/" + s.name, timeout: s.timeout, http: guard.Client()}
	if s.endpoint != nil {
		c.http.Transport = testServer{s.endpoint, c.http.Transport}
	}
	var err error
	if c.tokens, err = newTokens(c, s); err != nil {
		return nil, misconfigured("LoadCredentials", c.keyID, err, hintCredentials)
	}
	options := c.options(s, "", c.classify)
	// The scope follows from the vault's name. So the SDK's own policy gets no
	// credential: it would ask for the scope that a server's challenge names.
	options.PerRetryPolicies = append([]policy.Policy{runtime.NewBearerTokenPolicy(c.tokens, []string{s.resource + "/.default"}, nil)}, options.PerRetryPolicies...)
	c.keys, err = azkeys.NewClient("https://"+s.host, nil, &azkeys.ClientOptions{ClientOptions: options})
	if err != nil {
		return nil, misconfigured("Open", c.keyID, err, "")
	}
	return c, nil
}

// A classifier classifies an answer that is not 200.
type classifier func(operation string, status int, text []byte) *hsm.Error

// options are the options of every pipeline of the SDK: the vault's, and those
// of the services that give tokens. operation names calls in reports; "" for
// the API's own name. The SDK tries once: see ask.
func (c *client) options(s settings, operation string, classify classifier) azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:            cloud.Configuration{ActiveDirectoryAuthorityHost: s.cloud.login},
		Transport:        c.http,
		Telemetry:        policy.TelemetryOptions{Disabled: true},
		Retry:            policy.RetryOptions{MaxRetries: -1}, // none
		PerRetryPolicies: []policy.Policy{observer{c, operation, classify}},
	}
}

// read returns what an answer says is wrong with the request, or nil.
func (c *client) read(classify classifier, operation string, resp *http.Response) (failed *hsm.Error) {
	text, err := runtime.Payload(resp)
	switch {
	case resp.StatusCode != http.StatusOK:
		failed = classify(operation, resp.StatusCode, text)
	case err != nil || !json.Valid(text):
		failed = c.fail(hsm.Unavailable, operation, errNotAzure, hintBetween)
	default:
		return nil
	}
	failed.RequestID = safeID(resp.Header.Get("X-Ms-Request-Id"))
	return failed
}

var errNotAzure = errors.New("the answer is not one of Azure's")

// An observer reports each request to hsm.Observe, also requests for tokens.
type observer struct {
	c         *client
	operation string
	classify  classifier
}

// Do implements [policy.Policy].
func (o observer) Do(req *policy.Request) (*http.Response, error) {
	ctx := req.Raw().Context()
	call := hsm.Call{Provider: Kind, Operation: o.operation, KeyID: o.c.keyID, Start: time.Now()}
	if name, ok := ctx.Value(runtime.CtxAPINameKey{}).(string); ok && call.Operation == "" {
		call.Operation = strings.TrimPrefix(name, "Client.")
	}
	resp, err := req.Next()
	switch {
	case err != nil:
		call.Err = o.c.classifyTransport(ctx, call.Operation, err)
	default:
		call.RequestID = safeID(resp.Header.Get("X-Ms-Request-Id"))
		if failed := o.c.read(o.classify, call.Operation, resp); failed != nil {
			call.Err = failed
		}
		if o.operation == "" && resp.StatusCode == http.StatusUnauthorized {
			o.c.tokens.forget()
		}
	}
	call.End = time.Now()
	hsm.Observe(ctx, call)
	return resp, err
}

// ask makes one call of the SDK, up to three times if another try may get
// another answer, or a newer token after this one was refused.
func ask[T any](ctx context.Context, c *client, operation string, call func(context.Context) (T, error)) (T, *hsm.Error) {
	var out T
	var failed *hsm.Error
	ended := hsm.Try(ctx, func() (again bool, after time.Duration) {
		out, failed, after = try(ctx, c, operation, call)
		return failed != nil && (failed.Class == hsm.Unavailable || failed.Code == "Unauthorized"), after
	})
	if ended != nil {
		failed = c.classifyTransport(ctx, operation, ended)
	}
	return out, failed
}

// try makes one call. after is how long the answer asks a client to wait. try
// clears the answer after reading it: it may hold a data key.
func try[T any](ctx context.Context, c *client, operation string, call func(context.Context) (T, error)) (out T, failed *hsm.Error, after time.Duration) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var raw *http.Response
	out, err := call(policy.WithCaptureResponse(bounded, &raw))
	if raw != nil {
		after = guard.RetryAfter(raw.Header)
		defer func() {
			if text, err := runtime.Payload(raw); err == nil {
				clear(text)
			}
		}()
	}
	if err == nil {
		return out, nil, 0
	}
	var none T
	if own, ok := errors.AsType[*hsm.Error](err); ok {
		return none, own, after
	}
	if ctx.Err() != nil || raw == nil {
		return none, c.classifyTransport(ctx, operation, err), after
	}
	if failed = c.read(c.classify, operation, raw); failed == nil {
		failed = c.fail(hsm.Unavailable, operation, errNotAzure, hintBetween)
	}
	return none, failed, after
}

func (c *client) fail(class hsm.Class, operation string, err error, hint string) *hsm.Error {
	return &hsm.Error{Class: class, Provider: Kind, Operation: operation, KeyID: c.keyID, Err: err, Hint: hint}
}

// safeID returns id if it looks like a request id, a UUID, and "" otherwise.
func safeID(id string) string {
	if uuidForm.MatchString(id) {
		return id
	}
	return ""
}
