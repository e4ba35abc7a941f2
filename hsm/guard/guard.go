// Package guard is the HTTP client that a provider gives to its service's own
// SDK. It holds our limits whatever the SDK's defaults and the environment say.
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
	// MaxAnswer is the longest answer in bytes that is read. A real one has
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
// use. Plain HTTP goes to this machine's network only; see [Nearby]. A redirect
// is an answer: following one would repeat a token or a data key to whomever it
// names. An answer beyond [MaxAnswer] is an error.
func Client() *http.Client {
	return &http.Client{Transport: limits{Transport()}, CheckRedirect: stay}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Transport is what [Client] stands on, for an SDK that takes nothing else. It
// asks no proxy for plain HTTP: a proxy would read the tokens of a metadata
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
// machine or on its own network, where metadata services answer over plain HTTP.
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

// RetryAfter reads how long a service asks to be left alone, in seconds, 0 where
// it does not say: none of them sends dates.
func RetryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// Unanswered returns why a request under ctx never became an answer, and which
// hint goes with that: slow where it was for want of time, path for all else,
// none where ctx has ended. The cause names hosts, and nothing that was sent or
// answered: net/http quotes an answer that it cannot read.
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
