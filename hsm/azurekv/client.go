package azurekv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/rest"
)

const apiVersion = "7.4"

// A client asks one vault about one key. Safe for concurrent use.
type client struct {
	endpoint   *url.URL
	keyID      string // for errors and calls
	path       string // keys/name
	timeout    time.Duration
	http       *http.Client
	credential *credential
}

// A request is sent with a copy of body each time it is tried.
type request struct {
	operation string // the API's own name: "UnwrapKey"
	path      string // below the key's, with a slash in front
	body      []byte
	check     func() error // of the answer; nil where there is none
}

// do sends r with a token and reads the answer into out, a pointer. A token that
// is refused is fetched anew once: it may have been revoked when its role changed.
func (c *client) do(ctx context.Context, r request, out any) error {
	token, failed := c.credential.get(ctx, c, "")
	if failed != nil {
		return failed
	}
	ask := func(ctx context.Context) (*http.Request, error) { return c.request(ctx, r, token) }
	failed = c.attempts(ctx, r.operation, ask, out, r.check)
	if failed != nil && failed.Code == "Unauthorized" {
		if newer, failedToo := c.credential.get(ctx, c, token); failedToo == nil {
			token = newer
			failed = c.attempts(ctx, r.operation, ask, out, r.check)
		}
	}
	if failed != nil {
		return failed
	}
	return nil
}

func (c *client) request(ctx context.Context, r request, token string) (*http.Request, error) {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if r.body != nil {
		method, body = http.MethodPost, rest.Body(bytes.Clone(r.body))
	}
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint.String()+"/"+c.path+r.path+"?api-version="+apiVersion, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(len(r.body))
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

type asker = func(context.Context) (*http.Request, error)

// attempts returns how the last try ended.
func (c *client) attempts(ctx context.Context, operation string, ask asker, out any, check func() error) *hsm.Error {
	var failed *hsm.Error
	ended := rest.Try(ctx, func() (again bool, after time.Duration) {
		failed, after = c.call(ctx, operation, ask, out, check)
		return failed != nil && failed.Class == hsm.Unavailable, after
	})
	if ended != nil {
		return c.classifyTransport(ctx, operation, ended)
	}
	return failed
}

// call makes one try and reports it.
func (c *client) call(ctx context.Context, operation string, ask asker, out any, check func() error) (*hsm.Error, time.Duration) {
	call := hsm.Call{Provider: Kind, Operation: operation, KeyID: c.keyID, Start: time.Now()}
	failed, id, wait := c.try(ctx, operation, ask, out)
	if failed == nil && check != nil {
		if e, ok := errors.AsType[*hsm.Error](check()); ok {
			failed = e
		}
	}
	if call.RequestID = id; failed != nil {
		failed.RequestID, call.Err = id, failed
	}
	call.End = time.Now()
	hsm.Observe(ctx, call)
	return failed, wait
}

func (c *client) try(ctx context.Context, operation string, ask asker, out any) (failed *hsm.Error, requestID string, wait time.Duration) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := ask(bounded)
	if err != nil {
		return c.fail(hsm.Unavailable, operation, err, hintCredentials), "", 0
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.classifyTransport(ctx, operation, err), "", 0
	}
	defer resp.Body.Close()
	requestID, wait = safeID(resp.Header.Get("X-Ms-Request-Id")), rest.RetryAfter(resp.Header)
	text, err := rest.Read(resp)
	defer clear(text)
	switch {
	case err != nil:
		return c.classifyTransport(ctx, operation, err), requestID, 0
	case resp.StatusCode != http.StatusOK && operation == "GetToken":
		return c.classifyLogin(resp.StatusCode, text), requestID, wait
	case resp.StatusCode != http.StatusOK:
		return c.classify(operation, resp.StatusCode, text), requestID, wait
	case !rest.Decode(text, out):
		return c.fail(hsm.Unavailable, operation, errors.New("the answer is not one of Azure's"), hintBetween), requestID, 0
	}
	return nil, requestID, 0
}

func (c *client) fail(class hsm.Class, operation string, err error, hint string) *hsm.Error {
	return &hsm.Error{Class: class, Provider: Kind, Operation: operation, KeyID: c.keyID, Err: err, Hint: hint}
}

// safeID passes on what looks like a request id, a UUID, and nothing else.
func safeID(id string) string {
	if uuidForm.MatchString(id) {
		return id
	}
	return ""
}
