package gcpkms

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/sealmesh/sealmesh/hsm"
)

const (
	scope        = "https://www.googleapis.com/auth/cloudkms"
	tokenTimeout = 10 * time.Second // one request for a token

	hintCredentials = "give the process Google credentials: a service account by Workload Identity or of the instance, GOOGLE_APPLICATION_CREDENTIALS, or credentials-file="
)

// tokens gives access tokens, which it keeps until shortly before they expire.
type tokens struct {
	source oauth2.TokenSource
	keyID  string
}

func (s *settings) tokens(ctx context.Context) (*tokens, error) {
	// The source outlives ctx, and asks with a client of its own.
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Timeout: tokenTimeout})
	var found *google.Credentials
	var err error
	if s.credentials == "" {
		found, err = google.FindDefaultCredentials(ctx, scope)
	} else {
		found, err = credentialsOf(ctx, s.credentials)
	}
	if err != nil {
		return nil, misconfigured("LoadCredentials", s.key, err, hintCredentials)
	}
	return &tokens{source: found.TokenSource, keyID: s.key}, nil
}

// kinds are the types of credentials that a file may hold.
var kinds = []google.CredentialsType{
	google.ServiceAccount, google.AuthorizedUser, google.ExternalAccount, google.ExternalAccountAuthorizedUser, google.ImpersonatedServiceAccount,
}

// credentialsOf reads a file, which may name the servers that are asked for
// tokens: whoever writes it is trusted, like whoever writes the policy that names it.
func credentialsOf(ctx context.Context, file string) (*google.Credentials, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	var about struct {
		Type google.CredentialsType `json:"type"`
	}
	if json.Unmarshal(text, &about) != nil || !slices.Contains(kinds, about.Type) {
		return nil, errors.New(file + " holds no Google credentials")
	}
	found, err := google.CredentialsFromJSONWithType(ctx, text, about.Type, scope)
	if err != nil {
		return nil, errors.New(file + " holds incomplete Google credentials") // without what the decoder read
	}
	return found, nil
}

// get waits for a token no longer than ctx; a request for one that hangs goes on
// without its caller, and ends by tokenTimeout.
func (t *tokens) get(ctx context.Context) (string, *hsm.Error) {
	type result struct {
		token *oauth2.Token
		err   error
	}
	done := make(chan result, 1)
	go func() {
		token, err := t.source.Token()
		done <- result{token, err}
	}()
	select {
	case r := <-done:
		if r.err == nil {
			return r.token.AccessToken, nil
		}
		return "", t.classify(r.err)
	case <-ctx.Done():
		return "", &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: "GetToken", KeyID: t.keyID, Err: ctx.Err()}
	}
}

// refusals are OAuth's codes (RFC 6749 §5.2) that say no.
var refusals = map[string]string{
	"invalid_grant":       "the service account's key was deleted or disabled, or this machine's clock is wrong",
	"invalid_client":      "the client of the credentials was deleted",
	"unauthorized_client": "allow the account this scope",
	"access_denied":       "allow the account to be impersonated",
	"invalid_target":      "check the audience of the federated identity",
}

// classify keeps the code and drops the rest: an answer for another file might
// hold what was sent.
func (t *tokens) classify(err error) *hsm.Error {
	failed := &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: "GetToken", KeyID: t.keyID, Hint: hintCredentials}
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		failed.Err = errors.New("no access token could be had")
		return failed
	}
	if refused.Response != nil {
		failed.Code = "HTTP " + cmp.Or(refused.Response.Status, "error")
	}
	code := refused.ErrorCode
	if code == "" { // the flow of service accounts does not read it
		var body struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(refused.Body, &body)
		code = body.Error
	}
	if hint, ok := refusals[code]; ok {
		failed.Class, failed.Code, failed.Hint = hsm.Denied, code, hint
	}
	return failed
}
