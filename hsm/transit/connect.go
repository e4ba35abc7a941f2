package transit

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/openbao/openbao/api/v2"
)

// A client makes requests to one server, in one namespace. Safe for concurrent
// use.
type client struct {
	api        *api.Client
	http       *http.Client
	keyID      string // for errors and calls
	timeout    time.Duration
	credential *credential

	life context.Context // until close
	end  context.CancelFunc
}

// guarded is the HTTP client of the SDK.
func guarded(over http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     sender{over},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the SDK follows one
	}
}

// connect makes the SDK's client for the server at base. The SDK reads no
// environment variables and retries nothing: [environment] and [hsm.Try] do.
func (c *client) connect(base *url.URL, namespace string, noRedirect bool, over http.RoundTripper) (err error) {
	c.life, c.end = context.WithCancel(context.Background())
	c.http = guarded(over)
	c.api, err = api.NewClient(&api.Config{
		Address:            base.String(),
		DisableEnvironment: true,
		DisableRedirects:   noRedirect,
		Timeout:            c.timeout,
		CheckRetry:         func(context.Context, *http.Response, error) (bool, error) { return false, nil },
		HttpClient:         c.http,
	})
	if err == nil && namespace != "" {
		c.api.SetNamespace(namespace)
	}
	return err
}

var errClosed = errors.New("the provider is closed")

// close stops the renewal of the token and closes the connections.
func (c *client) close() {
	c.end()
	c.http.CloseIdleConnections()
}
