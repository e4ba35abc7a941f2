package gcpkms

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

// A client asks about one key. Safe for concurrent use.
type client struct {
	endpoint     *url.URL
	key          string
	location     string
	quotaProject string
	timeout      time.Duration
	http         *http.Client
	tokens       *tokens
}

// A request is sent with a copy of body each time it is tried.
type request struct {
	operation string // the API's own name: "Encrypt"
	verb      string // ":encrypt", or "" to read the key
	body      []byte
}

// do sends r and returns the answer, which passed check. One that did not was
// damaged on the way and is as good as none: it is tried again.
func do[T any](ctx context.Context, c *client, r request, check func(*T) error) (*T, error) {
	var out *T
	var failed *hsm.Error
	ended := rest.Try(ctx, func() (again bool, after time.Duration) {
		out = new(T) // not the last try's, of which something might be left
		failed, after = c.call(ctx, r, out, func() error { return check(out) })
		return failed != nil && failed.Class == hsm.Unavailable, after
	})
	switch {
	case ended != nil:
		return nil, c.classifyTransport(ctx, r.operation, ended)
	case failed != nil:
		return nil, failed
	}
	return out, nil
}

// call makes one try and reports it.
func (c *client) call(ctx context.Context, r request, out any, check func() error) (*hsm.Error, time.Duration) {
	start := time.Now()
	failed, retryAfter := c.try(ctx, r, out, check)
	call := hsm.Call{Provider: Kind, Operation: r.operation, KeyID: c.key, Region: c.location, Start: start, End: time.Now()}
	if failed != nil {
		call.Err = failed
	}
	hsm.Observe(ctx, call)
	return failed, retryAfter
}

func (c *client) try(ctx context.Context, r request, out any, check func() error) (*hsm.Error, time.Duration) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	token, failed := c.tokens.get(bounded)
	if failed != nil {
		return failed, 0
	}
	resp, err := c.send(bounded, r, token)
	if err != nil {
		return c.classifyTransport(ctx, r.operation, err), 0
	}
	defer resp.Body.Close()
	text, err := rest.Read(resp)
	defer clear(text)
	switch {
	case err != nil:
		return c.classifyTransport(ctx, r.operation, err), 0
	case resp.StatusCode != http.StatusOK:
		return c.classify(r.operation, resp.StatusCode, text), rest.RetryAfter(resp.Header)
	case !rest.Decode(text, out):
		return c.fail(hsm.Unavailable, r.operation, errors.New("the answer is not one of Cloud KMS's"), hintBetween), 0
	}
	if err := check(); err != nil {
		return c.fail(hsm.Unavailable, r.operation, err, hintBetween), 0
	}
	return nil, 0
}

func (c *client) send(ctx context.Context, r request, token string) (*http.Response, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if r.body != nil {
		method, body = http.MethodPost, rest.Body(bytes.Clone(r.body))
	}
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint.String()+"/v1/"+c.key+r.verb, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(len(r.body))
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	if c.quotaProject != "" {
		req.Header.Set("X-Goog-User-Project", c.quotaProject)
	}
	return c.http.Do(req)
}

func (c *client) fail(class hsm.Class, operation string, err error, hint string) *hsm.Error {
	return &hsm.Error{Class: class, Provider: Kind, Operation: operation, KeyID: c.key, Err: err, Hint: hint}
}
