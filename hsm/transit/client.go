package transit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/openbao/openbao/api/v2"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/guard"
)

// A request may be tried several times.
type request struct {
	operation string // Transit's own name
	method    string
	path      string // below v1/
	body      []byte
}

// An answer is the result of one try.
type answer struct {
	failed       *hsm.Error
	requestID    string
	invalidToken bool          // Vault does not know the token
	retryAfter   time.Duration // not before that
}

// do sends r with a token and decodes the answer into out, a pointer. If Vault
// does not know the token, do fetches the token once more: it may have been
// replaced or have expired. If the token's policies forbid the request, do does
// not retry.
func (c *client) do(ctx context.Context, r request, out any) error {
	if c.life.Err() != nil {
		return &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: r.operation, KeyID: c.keyID, Err: errClosed}
	}
	token, err := c.token(ctx, "")
	if err != nil {
		return err
	}
	a := c.attempts(ctx, r, token, out)
	if a.invalidToken {
		if newer, err := c.token(ctx, token); err == nil && newer != token {
			a = c.attempts(ctx, r, newer, out)
		}
	}
	return asError(a.failed)
}

// asError returns a nil error for a nil *hsm.Error.
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

func (c *client) attempts(ctx context.Context, r request, token string, out any) (a answer) {
	ended := hsm.Try(ctx, func() (again bool, after time.Duration) {
		a = c.call(ctx, r, token, out)
		return a.failed != nil && a.failed.Class == hsm.Unavailable, a.retryAfter
	})
	if ended != nil {
		a = answer{failed: c.unanswered(ctx, r.operation, ended)}
	}
	return a
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
	req := c.api.NewRequest(r.method, "/v1/"+r.path)
	req.ClientToken, req.BodyBytes = token, r.body
	resp, err := c.api.RawRequestWithContext(bounded, req)
	if resp != nil {
		defer resp.Body.Close()
	}
	if refused, ok := errors.AsType[*api.ResponseError](err); ok {
		a := c.classify(r.operation, refused)
		a.retryAfter = guard.RetryAfter(resp.Header)
		return a
	}
	var text []byte
	if err == nil {
		text, err = readAnswer(resp.Response)
		defer clear(text)
	}
	switch {
	case err != nil:
		return answer{failed: c.unanswered(ctx, r.operation, err)}
	case resp.StatusCode != http.StatusOK:
		return answer{failed: c.notVaults(r.operation, resp.StatusCode)}
	}
	return c.read(r.operation, text, out)
}

// read expects one JSON object from Vault. Any other answer, such as the page
// of a captive portal or a proxy, is an outage. The decoder's error is not
// shown: it may quote a data key.
func (c *client) read(operation string, text []byte, out any) answer {
	var id struct {
		RequestID string `json:"request_id"`
	}
	if json.Unmarshal(text, out) != nil || json.Unmarshal(text, &id) != nil {
		return answer{failed: c.notVaults(operation, http.StatusOK)}
	}
	return answer{requestID: id.RequestID}
}

// notVaults is the failure for an answer that Vault did not give.
func (c *client) notVaults(operation string, status int) *hsm.Error {
	return &hsm.Error{
		Class: hsm.Unavailable, Provider: Kind, Operation: operation, KeyID: c.keyID, Code: fmt.Sprintf("HTTP %d", status),
		Err: errors.New("the answer is not one of Vault's"), Hint: hintBetween,
	}
}
