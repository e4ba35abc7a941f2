package gcpkms

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/auth"
	"google.golang.org/api/cloudkms/v1"
	"google.golang.org/api/option"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

// A script answers requests without a network, so that time can be virtual.
type script struct {
	asked int
	next  func(*http.Request) (*http.Response, error)
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	s.asked++
	return s.next(r)
}

func answer(t *testing.T, code int, status string, header ...string) func(*http.Request) (*http.Response, error) {
	body := string(rpcError(t, code, status, "", ""))
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func scripted(t *testing.T, next func(*http.Request) (*http.Response, error)) (*Provider, *script) {
	s := &script{next: next}
	service, err := cloudkms.NewService(t.Context(), option.WithHTTPClient(&http.Client{Transport: s}), option.WithEndpoint("https://kms.example/"))
	if err != nil {
		t.Fatal(err)
	}
	return &Provider{client: &client{
		key: "projects/p/locations/l/keyRings/r/cryptoKeys/k", timeout: 2 * time.Second,
		keys: service.Projects.Locations.KeyRings.CryptoKeys, tokens: &tokens{source: static{}, key: "k"},
	}}, s
}

type static struct{}

func (static) Token(context.Context) (*auth.Token, error) {
	return &auth.Token{Value: "ya29.x"}, nil
}

// TestRetryBudget: three tries, little waiting, and none after an answer that
// another try cannot mend.
func TestRetryBudget(t *testing.T) {
	tests := []struct {
		name   string
		next   func(*http.Request) (*http.Response, error)
		tries  int
		within time.Duration
		class  hsm.Class
	}{
		{"unavailable", answer(t, 503, "UNAVAILABLE"), 3, 400 * time.Millisecond, hsm.Unavailable},
		{"internal", answer(t, 500, "INTERNAL"), 3, 400 * time.Millisecond, hsm.Unavailable},
		{"quota", answer(t, 429, "RESOURCE_EXHAUSTED", "Retry-After", "1"), 3, 2*time.Second + time.Millisecond, hsm.Unavailable},
		{"quota for long", answer(t, 429, "RESOURCE_EXHAUSTED", "Retry-After", "60"), 1, time.Millisecond, hsm.Unavailable},
		{"denied", answer(t, 403, "PERMISSION_DENIED"), 1, time.Millisecond, hsm.Denied},
		{"not found", answer(t, 404, "NOT_FOUND"), 1, time.Millisecond, hsm.Denied},
		{"unclear", answer(t, 401, "UNAUTHENTICATED"), 1, time.Millisecond, hsm.Unclear},
		{"hanging", hang, 3, 6*time.Second + 400*time.Millisecond, hsm.Unavailable},
		{"connection lost", func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, 3, 400 * time.Millisecond, hsm.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s := scripted(t, tt.next)
				var calls int
				ctx := hsm.WithObserver(t.Context(), func(c hsm.Call) { calls++ })
				start := time.Now()
				_, _, err := p.GenerateDataKey(ctx, hsm.EncryptionContext{})
				hsmtest.WantError(t, err, tt.class)
				if took := time.Since(start); s.asked != tt.tries || calls != tt.tries || took > tt.within {
					t.Errorf("%d tries, %d calls in %v; want %d within %v", s.asked, calls, took, tt.tries, tt.within)
				}
			})
		})
	}
}

// TestDeadline: the caller's deadline bounds tries, waits and tokens alike.
func TestDeadline(t *testing.T) {
	for name, next := range map[string]func(*http.Request) (*http.Response, error){"hanging": hang, "waiting": answer(t, 429, "RESOURCE_EXHAUSTED", "Retry-After", "1"), "no token": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := scripted(t, next)
				if next == nil {
					p.client.tokens.source = stuck{}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
				defer cancel()
				start := time.Now()
				_, _, err := p.GenerateDataKey(ctx, hsm.EncryptionContext{})
				hsmtest.WantError(t, err, hsm.Unavailable)
				if took := time.Since(start); took != 700*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("took %v, %v", took, err)
				}
			})
		})
	}
}

// stuck is a source that gives no token.
type stuck struct{}

func (stuck) Token(ctx context.Context) (*auth.Token, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestTLS: an endpoint whose certificate is not trusted gets neither token nor
// key.
func TestTLS(t *testing.T) {
	isolate(t)
	r := startFake(t)
	asked := 0
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	_, err := Open(t.Context(), strings.Replace(r.uri(r.key, r.all), url.QueryEscape(r.URL()), url.QueryEscape(untrusted.URL), 1))
	hsmtest.WantError(t, err, hsm.Unavailable, "certificate")
	if asked != 0 {
		t.Errorf("an untrusted endpoint was asked %d times", asked)
	}
}
