// Package guard is the HTTP client that a provider gives to the SDK of its
// service. It enforces our limits whatever the SDK's defaults and the
// environment say.
package guard

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

const (
	// MaxAnswer is the longest answer that is read, in bytes. A real answer has
	// less than 8 KiB.
	MaxAnswer = 64 << 10

	dialTimeout     = time.Second
	idleTimeout     = 90 * time.Second
	idleConnections = 16
)

var (
	errPlain   = errors.New("plain HTTP would leave this machine's network: keys and tokens cross the connection")
	errTooLong = errors.New("the answer is longer than any of the service's")
)

// Client returns a client that keeps its connections. It is safe for concurrent
// use. It uses plain HTTP only within this machine's network; see [Nearby]. It
// returns a redirect as the answer: following one would send a token or a data
// key to the host that the redirect names. An answer longer than [MaxAnswer] is
// an error.
func Client() *http.Client {
	return &http.Client{Transport: limits{Transport()}, CheckRedirect: stay}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Transport is the transport of [Client], for an SDK that takes nothing else.
// It uses no proxy for plain HTTP: a proxy would read the tokens of a metadata
// service.
func Transport() *http.Transport {
	return &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme != "https" {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		},
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    idleConnections,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: MaxAnswer,
	}
}

// Nearby reports whether host, a name or an address without port, is on this
// machine or its local network, where metadata services use plain HTTP.
func Nearby(host string) bool {
	if hsm.IsLoopback(host) || host == "metadata.google.internal" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLinkLocalUnicast() || ip.IsPrivate())
}

// Limit returns next with the limits of [Client].
func Limit(next http.RoundTripper) http.RoundTripper { return limits{next} }

type limits struct{ next http.RoundTripper }

func (l limits) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !Nearby(r.URL.Hostname()) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, errPlain
	}
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &bounded{resp.Body, MaxAnswer}
	return resp, nil
}

type bounded struct {
	io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// RetryAfter returns how long the service asks a client to wait, from the
// seconds in Retry-After; 0 if it does not say. No service sends dates.
func RetryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// Unanswered returns why a request under ctx got no answer, and the hint for
// that: slow after a time-out, path for any other cause, and none if ctx has
// ended. The cause names hosts, but never what was sent or answered: net/http
// quotes an answer that it cannot read.
func Unanswered(ctx context.Context, err error, slow, path string) (cause error, hint string) {
	if ctx.Err() != nil {
		return ctx.Err(), ""
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time"), slow
	}
	for _, known := range []error{errPlain, errTooLong} {
		if errors.Is(err, known) {
			return known, path
		}
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e, path
	}
	if isCertificate(err) {
		return errors.New("the server's certificate is not trusted"), path
	}
	return errors.New("the connection broke before an answer"), path
}

func isCertificate(err error) bool {
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return authority || host || invalid
}
