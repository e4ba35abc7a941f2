package azurekv

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/rest"
)

const (
	defaultAuthority = "https://login.microsoftonline.com"
	metadataService  = "http://169.254.169.254" // link-local: it leaves the machine for the hypervisor only
	assertionType    = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	earlyRenewal     = 5 * time.Minute
)

// A credential is a way to ask for tokens, and the last one. Safe for concurrent use.
type credential struct {
	ask   func(context.Context) (*http.Request, error) // made anew for each token, from files that rotate
	turn  chan struct{}                                // holds one: whoever takes it may touch what follows
	token string
	until time.Time
}

func (s *settings) credential() (*credential, error) {
	c := &credential{turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	tenant := cmp.Or(s.text["tenant-id"], os.Getenv("AZURE_TENANT_ID"))
	client := cmp.Or(s.text["client-id"], os.Getenv("AZURE_CLIENT_ID"))
	federated, secretFile := os.Getenv("AZURE_FEDERATED_TOKEN_FILE"), s.text["client-secret-file"]
	kind := s.text["credential"]
	if kind == "" {
		switch {
		case federated != "":
			kind = "workload"
		case secretFile != "" || os.Getenv("AZURE_CLIENT_SECRET") != "":
			kind = "secret"
		default:
			kind = "managed"
		}
	}
	if kind == "managed" {
		c.ask = func(ctx context.Context) (*http.Request, error) { return s.askManaged(ctx, client) }
		return c, nil
	}
	if !uuidForm.MatchString(tenant) || !uuidForm.MatchString(client) {
		return nil, errors.New("no tenant-id and client-id, nor AZURE_TENANT_ID and AZURE_CLIENT_ID")
	}
	proof := func() (url.Values, error) {
		if kind == "workload" {
			assertion, err := rest.ReadSecret(federated)
			return url.Values{"client_assertion_type": {assertionType}, "client_assertion": {assertion}}, err
		}
		secret, err := os.Getenv("AZURE_CLIENT_SECRET"), error(nil)
		if secretFile != "" {
			secret, err = rest.ReadSecret(secretFile)
		}
		return url.Values{"client_secret": {secret}}, err
	}
	authority, err := authorityHost()
	if err == nil {
		_, err = proof() // what is missing is found at the start
	}
	c.ask = func(ctx context.Context) (*http.Request, error) {
		form, err := proof()
		if err != nil {
			return nil, err
		}
		form.Set("grant_type", "client_credentials")
		form.Set("client_id", client)
		form.Set("scope", s.resource+"/.default")
		return postForm(ctx, authority+"/"+tenant+"/oauth2/v2.0/token", form)
	}
	return c, err
}

func postForm(ctx context.Context, to string, form url.Values) (*http.Request, error) {
	text := form.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, rest.Body([]byte(text)))
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(len(text))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req, nil
}

// authorityHost refuses plain HTTP to another machine: secrets are sent there.
func authorityHost() (string, error) {
	text := strings.TrimSuffix(cmp.Or(os.Getenv("AZURE_AUTHORITY_HOST"), defaultAuthority), "/")
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" || u.Scheme != "https" && (u.Scheme != "http" || !hsm.IsLoopback(u.Hostname())) {
		return "", errors.New("AZURE_AUTHORITY_HOST is not the https URL of a login server")
	}
	return text, nil
}

// askManaged asks App Service's or Container Apps' endpoint where there is one, and
// the machine's metadata service elsewhere.
func (s *settings) askManaged(ctx context.Context, client string) (*http.Request, error) {
	q := url.Values{"resource": {s.resource}}
	if client != "" {
		q.Set("client_id", client)
	}
	if at := os.Getenv("IDENTITY_ENDPOINT"); at != "" {
		q.Set("api-version", "2019-08-01")
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"?"+q.Encode(), http.NoBody)
		if err == nil {
			req.Header.Set("X-IDENTITY-HEADER", os.Getenv("IDENTITY_HEADER"))
		}
		return req, err
	}
	q.Set("api-version", "2018-02-01")
	base := strings.TrimSuffix(cmp.Or(os.Getenv("AZURE_POD_IDENTITY_AUTHORITY_HOST"), metadataService), "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metadata/identity/oauth2/token?"+q.Encode(), http.NoBody)
	if err == nil {
		req.Header.Set("Metadata", "true")
	}
	return req, err
}

// get returns a token, another one than refused.
func (t *credential) get(ctx context.Context, c *client, refused string) (string, *hsm.Error) {
	select {
	case <-t.turn:
		defer func() { t.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", c.fail(hsm.Unavailable, "GetToken", ctx.Err(), "")
	}
	now := time.Now()
	if t.token != "" && t.token != refused && now.Before(t.until) {
		return t.token, nil
	}
	var out tokenAnswer
	if failed := c.attempts(ctx, "GetToken", t.ask, &out, nil); failed != nil {
		return "", failed
	}
	lifetime, err := out.lifetime(now)
	if err != nil {
		return "", c.fail(hsm.Unavailable, "GetToken", err, hintCredentials)
	}
	t.token, t.until = out.Token, now.Add(max(lifetime/2, lifetime-earlyRenewal))
	return t.token, nil
}

// A tokenAnswer says when it expires as a number or a string, and either from now
// on or since 1970: each of the services has its own way.
type tokenAnswer struct {
	Token string          `json:"access_token"`
	In    json.RawMessage `json:"expires_in"`
	On    json.RawMessage `json:"expires_on"`
}

func (a *tokenAnswer) lifetime(now time.Time) (time.Duration, error) {
	for _, b := range []byte(a.Token) {
		if b <= ' ' || b >= 0x7f {
			return 0, errors.New("the answer holds what cannot be a token")
		}
	}
	seconds, err := strconv.ParseInt(string(bytes.Trim(a.In, `"`)), 10, 32)
	if err != nil {
		var on int64
		on, err = strconv.ParseInt(string(bytes.Trim(a.On, `"`)), 10, 64)
		seconds = on - now.Unix()
	}
	if err != nil || a.Token == "" || seconds < 0 || seconds > 1<<31 {
		return 0, errors.New("the answer holds no token with an expiry")
	}
	return time.Duration(seconds) * time.Second, nil
}
