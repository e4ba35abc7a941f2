package transit

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

// A client asks one server, in one namespace. Safe for concurrent use.
type client struct {
	base       *url.URL
	namespace  string
	keyID      string // for errors and calls
	timeout    time.Duration
	http       *http.Client
	credential *credential
}

// A request is sent with a copy of body each time it is tried.
type request struct {
	operation string // Transit's own name
	method    string
	path      string // below v1/
	body      []byte
}

// do sends r with a token and reads the answer into out, a pointer. A token that
// is refused is looked for anew once: it may have been replaced or have expired.
func (c *client) do(ctx context.Context, r request, out any) error {
	token, err := c.token(ctx, "")
	if err != nil {
		return err
	}
	failed := c.attempts(ctx, r, token, out)
	if failed == nil || failed.Class != hsm.Denied {
		return asError(failed)
	}
	if newer, err := c.token(ctx, token); err == nil && newer != token {
		failed = c.attempts(ctx, r, newer, out)
	}
	return asError(failed)
}

func (c *client) withoutToken(ctx context.Context, r request, out any) error {
	return asError(c.attempts(ctx, r, "", out))
}

// asError keeps a nil *hsm.Error from becoming an error that is not nil.
func asError(failed *hsm.Error) error {
	if failed == nil {
		return nil
	}
	return failed
}

func (c *client) token(ctx context.Context, refused string) (string, error) {
	token, err := c.credential.get(ctx, c, refused)
	if _, ours := errors.AsType[*hsm.Error](err); ours || err == nil {
		return token, err
	}
	return "", &hsm.Error{
		Class: hsm.Unavailable, Provider: Kind, Operation: "token", KeyID: c.keyID, Err: err,
		Hint: "see whether the agent that writes the file runs",
	}
}

func (c *client) attempts(ctx context.Context, r request, token string, out any) *hsm.Error {
	var a answer
	ended := rest.Try(ctx, func() (again bool, after time.Duration) {
		a = c.call(ctx, r, token, out)
		return a.failed != nil && a.again, a.retryAfter
	})
	if ended != nil {
		return c.classifyTransport(ctx, r.operation, ended)
	}
	return a.failed
}

// An answer is how one try ended.
type answer struct {
	failed     *hsm.Error
	requestID  string
	again      bool          // another try may mend it
	retryAfter time.Duration // not before that
}

// call makes one try and reports it.
func (c *client) call(ctx context.Context, r request, token string, out any) answer {
	start := time.Now()
	a := c.try(ctx, r, token, out)
	hsm.Observe(ctx, hsm.Call{
		Provider: Kind, Operation: r.operation, KeyID: c.keyID, RequestID: a.requestID,
		Start: start, End: time.Now(), Err: asError(a.failed),
	})
	return a
}

func (c *client) try(ctx context.Context, r request, token string, out any) answer {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.send(bounded, c.base, r, token)
	if err == nil && (resp.StatusCode == http.StatusTemporaryRedirect || resp.StatusCode == http.StatusPermanentRedirect) {
		resp, err = c.follow(bounded, resp, r, token)
	}
	if err != nil {
		return answer{failed: c.classifyTransport(ctx, r.operation, err), again: ctx.Err() == nil}
	}
	defer resp.Body.Close()
	text, err := rest.Read(resp)
	defer clear(text)
	switch {
	case err != nil:
		return answer{failed: c.classifyTransport(ctx, r.operation, err), again: ctx.Err() == nil}
	case resp.StatusCode != http.StatusOK:
		a := answer{failed: c.classify(r.operation, resp.StatusCode, text)}
		a.again, a.retryAfter = a.failed.Class == hsm.Unavailable, rest.RetryAfter(resp.Header)
		return a
	}
	return c.read(r.operation, text, out)
}

// read wants one JSON object that is Vault's. What is in the way of an answer (a
// captive portal, a proxy's page) is an outage.
func (c *client) read(operation string, text []byte, out any) answer {
	var id struct {
		RequestID string `json:"request_id"`
	}
	if !rest.Decode(text, out) || !rest.Decode(text, &id) {
		return answer{failed: &hsm.Error{
			Class: hsm.Unavailable, Provider: Kind, Operation: operation, KeyID: c.keyID,
			Err: errors.New("the answer is not one of Vault's"), Hint: "something between here and Vault answered in its place; check the address and the proxy settings",
		}}
	}
	return answer{requestID: id.RequestID}
}

func (c *client) send(ctx context.Context, base *url.URL, r request, token string) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		body = rest.Body(bytes.Clone(r.body))
	}
	req, err := http.NewRequestWithContext(ctx, r.method, base.JoinPath("v1", r.path).String(), body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(len(r.body))
	req.Header.Set("X-Vault-Request", "true") // agents may ask for it, against forged requests
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	if c.namespace != "" {
		req.Header.Set("X-Vault-Namespace", c.namespace)
	}
	return c.http.Do(req)
}

// follow repeats r where a standby node says the active one is.
func (c *client) follow(ctx context.Context, resp *http.Response, r request, token string) (*http.Response, error) {
	resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		return nil, errors.New("a redirect names no place")
	}
	base := &url.URL{Scheme: to.Scheme, Host: to.Host}
	if base.Scheme != "https" && c.base.Scheme == "https" || checkAddress(base) != nil {
		return nil, errors.New("a redirect leads to plain HTTP")
	}
	return c.send(ctx, base, r, token)
}
