package gcpkms

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"google.golang.org/api/cloudkms/v1"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/guard"
)

// A client makes requests about one key. Safe for concurrent use.
type client struct {
	keys         *cloudkms.ProjectsLocationsKeyRingsCryptoKeysService
	http         *http.Client
	tokens       *tokens
	key          string
	location     string
	quotaProject string
	timeout      time.Duration
}

func newClient(ctx context.Context, s settings) (*client, error) {
	if err := s.checkEnvironment(); err != nil {
		return nil, misconfigured("Open", s.key, err, "")
	}
	c := &client{http: guard.Client(), key: s.key, location: s.location, timeout: s.timeout}
	var err error
	if c.tokens, c.quotaProject, err = newTokens(ctx, s); err != nil {
		return nil, misconfigured("LoadCredentials", s.key, err, hintCredentials)
	}
	service, err := cloudkms.NewService(ctx, option.WithHTTPClient(c.http), option.WithEndpoint(s.endpoint.String()+"/"), option.WithLogger(silent()))
	if err != nil {
		return nil, misconfigured("Open", s.key, errors.New("the client could not be made"), "")
	}
	c.keys = service.Projects.Locations.KeyRings.CryptoKeys
	return c, nil
}

// silent overrides GOOGLE_SDK_GO_LOGGING_LEVEL, which would log requests and
// answers: they hold data keys and tokens.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A call is a request of the SDK, ready to be sent.
type call[T any] interface {
	Header() http.Header
	Do(...googleapi.CallOption) (T, error)
}

// ask sends the request that build makes, and returns an answer that passes
// check. An answer that fails check was damaged on the way and is retried.
func ask[T any](ctx context.Context, c *client, operation string, build func(context.Context) call[T], check func(T) error) (T, *hsm.Error) {
	var out T
	var failed *hsm.Error
	ended := hsm.Try(ctx, func() (again bool, after time.Duration) {
		observed := hsm.Call{Provider: Kind, Operation: operation, KeyID: c.key, Region: c.location, Start: time.Now()}
		if out, failed, after = try(ctx, c, operation, build, check); failed != nil {
			observed.Err = failed
		}
		observed.End = time.Now()
		hsm.Observe(ctx, observed)
		return failed != nil && failed.Class == hsm.Unavailable, after
	})
	if ended != nil {
		failed = c.classifyTransport(ctx, operation, ended)
	}
	return out, failed
}

// try sends one request. after is how long the answer asks a client to wait.
func try[T any](ctx context.Context, c *client, operation string, build func(context.Context) call[T], check func(T) error) (out T, failed *hsm.Error, after time.Duration) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	token, failed := c.tokens.get(bounded)
	if failed != nil {
		return out, failed, 0
	}
	request := build(bounded)
	request.Header().Set("Authorization", "Bearer "+token)
	if c.quotaProject != "" {
		request.Header().Set("X-Goog-User-Project", c.quotaProject)
	}
	answer, err := request.Do()
	if refused, ok := errors.AsType[*googleapi.Error](err); ok {
		return out, c.classify(operation, refused.Code, []byte(refused.Body)), guard.RetryAfter(refused.Header)
	}
	if decoding(err) {
		return out, c.fail(hsm.Unavailable, operation, errNotKMS, hintBetween), 0
	}
	if err != nil {
		return out, c.classifyTransport(ctx, operation, err), 0
	}
	if err := check(answer); err != nil {
		return out, c.fail(hsm.Unavailable, operation, err, hintBetween), 0
	}
	return answer, nil, 0
}

// decoding reports whether err is about an answer's text, which it may quote.
func decoding(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, kind := errors.AsType[*json.UnmarshalTypeError](err)
	return syntax || kind
}

func (c *client) fail(class hsm.Class, operation string, err error, hint string) *hsm.Error {
	return &hsm.Error{Class: class, Provider: Kind, Operation: operation, KeyID: c.key, Err: err, Hint: hint}
}
