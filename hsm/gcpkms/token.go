package gcpkms

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/compute/metadata"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/guard"
)

const (
	scope = "https://www.googleapis.com/auth/cloudkms"
	// The SDK renews a token in the background, a few minutes before it expires.
	backgroundTimeout = 10 * time.Second

	hintCredentials = "give the process Google credentials: a service account by Workload Identity or of the instance, GOOGLE_APPLICATION_CREDENTIALS, or credentials-file="
)

// tokens gives access tokens, which the SDK caches and renews. Safe for
// concurrent use.
type tokens struct {
	source auth.TokenProvider
	key    string
}

// newTokens makes the credentials that s or the environment names, and returns
// the project whose quota they use. It makes no request.
func newTokens(ctx context.Context, s settings) (*tokens, string, error) {
	own := guard.Client()
	own.Timeout = backgroundTimeout
	own.Transport = watch{s.key, own.Transport}
	file := cmp.Or(s.credentials, os.Getenv("GOOGLE_APPLICATION_CREDENTIALS"))
	quota := cmp.Or(s.quotaProject, os.Getenv("GOOGLE_CLOUD_QUOTA_PROJECT"))
	if file == "" {
		server := instance{metadata.NewWithOptions(&metadata.Options{Client: own, Logger: silent()})}
		return &tokens{auth.NewCachedTokenProvider(server, nil), s.key}, quota, nil
	}
	found, err := s.read(file, &credentials.DetectOptions{Scopes: []string{scope}, Client: own, Logger: silent()})
	if err != nil {
		return nil, "", err
	}
	if quota == "" {
		quota, _ = found.QuotaProjectID(ctx)
	}
	return &tokens{found, s.key}, quota, nil
}

// An instance asks the metadata server for a token of the default service
// account. The SDK's own search would first probe for the server, and would
// remember a failure until the process ends; on GKE the server may start after
// the pods.
type instance struct{ server *metadata.Client }

// Token implements [auth.TokenProvider].
func (i instance) Token(ctx context.Context) (*auth.Token, error) {
	once, stop := context.WithCancel(ctx)
	defer stop()
	once = hsm.WithObserver(once, func(call hsm.Call) {
		if hsm.Observe(ctx, call); call.Err != nil {
			stop() // the SDK would try five times more
		}
	})
	text, err := i.server.GetWithContext(once, "instance/service-accounts/default/token?scopes="+url.QueryEscape(scope))
	if err != nil {
		return nil, err
	}
	var out struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
	}
	if json.Unmarshal([]byte(text), &out) != nil || out.Token == "" || out.Seconds <= 0 {
		return nil, errors.New("the metadata server's answer holds no token")
	}
	return &auth.Token{Value: out.Token, Expiry: time.Now().Add(time.Duration(out.Seconds) * time.Second)}, nil
}

// get waits at most for ctx. The SDK's errors quote answers, so get returns
// what was observed of the last request instead.
func (t *tokens) get(ctx context.Context) (string, *hsm.Error) {
	var last error
	token, err := t.source.Token(hsm.WithObserver(ctx, func(call hsm.Call) {
		last = call.Err
		hsm.Observe(ctx, call)
	}))
	failed, answered := errors.AsType[*hsm.Error](last)
	switch {
	case err == nil:
		return token.Value, nil
	case ctx.Err() != nil:
		failed = unavailable(t.key, ctx.Err(), "")
	case !answered:
		failed = unavailable(t.key, errNoToken, hintCredentials)
	}
	return "", failed
}

var errNoToken = errors.New("the credentials give no access token")

func unavailable(key string, err error, hint string) *hsm.Error {
	return &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: "GetToken", KeyID: key, Err: err, Hint: hint}
}

// A watch reports each request for a token to hsm.Observe: requests to the
// token service, to the metadata server, and to the services of a federated
// identity.
type watch struct {
	key  string
	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (w watch) RoundTrip(r *http.Request) (*http.Response, error) {
	observed := hsm.Call{Provider: Kind, Operation: "GetToken", KeyID: w.key, Start: time.Now()}
	resp, err := w.next.RoundTrip(r)
	var text []byte
	if err == nil {
		text, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(text))
	}
	switch {
	case err != nil:
		cause, hint := guard.Unanswered(r.Context(), err, "see whether the token service is reachable from here, or raise timeout=", "check the network path to the token service or metadata server; "+hintCredentials)
		observed.Err = unavailable(w.key, cause, hint)
	case resp.StatusCode != http.StatusOK:
		observed.Err = classifyToken(w.key, resp.StatusCode, text)
	}
	observed.End = time.Now()
	hsm.Observe(r.Context(), observed)
	if err != nil {
		return nil, err
	}
	return resp, nil
}
