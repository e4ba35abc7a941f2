package guard

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// TestAnswers: a redirect is an answer, and a long answer is none.
func TestAnswers(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", MaxAnswer)+r.URL.Query().Get("more"))
	}))
	defer s.Close()
	c := Client()
	defer c.CloseIdleConnections()
	for path, want := range map[string]struct {
		status int
		err    error
	}{"/away": {http.StatusTemporaryRedirect, nil}, "/": {http.StatusOK, nil}, "/?more=x": {http.StatusOK, errTooLong}} {
		resp, err := c.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != want.err || resp.StatusCode != want.status {
			t.Errorf("%s: status %d, %v", path, resp.StatusCode, err)
		}
	}
}

// TestPlain: plain HTTP stays on this machine's network, and no proxy reads it.
func TestPlain(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "::1": true, "169.254.169.254": true, "fe80::1": true, "10.0.0.4": true, "192.168.1.1": true, "172.16.5.1": true,
		"fd00:ec2::254": true, "metadata.google.internal": true,
		"evil.example": false, "203.0.113.9": false, "localhost.evil.example": false, "metadata.google.internal.evil.example": false, "": false, "2001:db8::1": false,
	} {
		if Nearby(host) != want {
			t.Errorf("Nearby(%q) is %t", host, !want)
		}
	}
	sent := 0
	c := Client()
	c.Transport = Limit(roundTrip(func(*http.Request) (*http.Response, error) { sent++; return nil, io.EOF }))
	for _, url := range []string{"http://evil.example/token", "http://203.0.113.9/"} {
		if _, err := c.Post(url, "text/plain", strings.NewReader("secret")); !errors.Is(err, errPlain) || sent != 0 {
			t.Errorf("%s: %v, sent %d", url, err, sent)
		}
	}
	plain := httptest.NewRequest(http.MethodGet, "http://169.254.169.254/", nil)
	if proxy, err := Transport().Proxy(plain); proxy != nil || err != nil {
		t.Errorf("plain HTTP goes by %v, %v", proxy, err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestUnanswered(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}
	for _, c := range []struct {
		ctx        context.Context
		err        error
		text, hint string
	}{
		{t.Context(), refused, "refused", "path"},
		{t.Context(), &url.Error{Op: "Get", URL: "https://h/secret", Err: refused}, "refused", "path"},
		{t.Context(), &url.Error{Op: "Get", URL: "https://h/secret", Err: os.ErrDeadlineExceeded}, "in time", "slow"},
		{t.Context(), context.DeadlineExceeded, "in time", "slow"},
		{t.Context(), &net.DNSError{IsTimeout: true}, "in time", "slow"},
		{t.Context(), &url.Error{Err: x509.UnknownAuthorityError{}}, "certificate", "path"},
		{t.Context(), &url.Error{Err: errTooLong}, "longer", "path"},
		{t.Context(), errors.New(`malformed HTTP status code "secret"`), "connection broke", "path"},
		{ended, refused, "canceled", ""},
	} {
		cause, hint := Unanswered(c.ctx, c.err, "slow", "path")
		if !strings.Contains(cause.Error(), c.text) || hint != c.hint || strings.Contains(cause.Error(), "secret") {
			t.Errorf("%v: %v, %q", c.err, cause, hint)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-1": 0, "1.5": 0, "Wed, 21 Oct 2015 07:28:00 GMT": 0, "99999999999": 0,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {text}}); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
