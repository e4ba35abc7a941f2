package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// maxAnswer is the largest body of a response that is read, in bytes.
const maxAnswer = 64 << 10

const mediaType = "application/x-protobuf"

func (d *Destination) openHTTP() Exporter {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = d.tls
	// With HTTP/2 a dead connection would outlive the request that timed out.
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	client := &http.Client{
		Transport: transport,
		// A redirect would send the credentials of HEADERS to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	export := func(ctx context.Context, req *Request) (Answer, error) {
		ctx, cancel := context.WithTimeout(ctx, d.timeout)
		defer cancel()
		hr, err := d.httpRequest(ctx, req)
		if err != nil {
			return Answer{}, err
		}
		resp, err := client.Do(hr)
		if err != nil {
			return Answer{}, &Error{Err: err}
		}
		return readAnswer(resp)
	}
	return Exporter{export, func() error { transport.CloseIdleConnections(); return nil }}
}

func (d *Destination) httpRequest(ctx context.Context, req *Request) (*http.Request, error) {
	var body io.Reader = io.MultiReader(bytes.NewReader(req.Head), bytes.NewReader(req.Body))
	size := int64(len(req.Head) + len(req.Body))
	if d.gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := io.Copy(w, body); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		body, size = &packed, int64(packed.Len())
	}
	hr, err := http.NewRequestWithContext(ctx, http.MethodPost, d.target, body)
	if err != nil {
		return nil, err
	}
	hr.ContentLength = size
	for name, value := range d.headers {
		hr.Header.Set(name, value)
	}
	hr.Header.Set("Content-Type", mediaType)
	hr.Header.Set("User-Agent", userAgent)
	if d.gzip {
		hr.Header.Set("Content-Encoding", "gzip")
	}
	return hr, nil
}

// readAnswer reads a response. Only status 200 with an
// ExportTraceServiceResponse acknowledges (OTLP specification, "OTLP/HTTP
// Response"): a web server, the login page of a proxy or a wrong path may
// answer 200 too.
func readAnswer(resp *http.Response) (Answer, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	err = errors.Join(err, resp.Body.Close())
	switch {
	case resp.StatusCode != http.StatusOK:
		return Answer{}, httpError(resp)
	case err != nil:
		return Answer{}, &Error{Err: err}
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case err != nil || kind != mediaType:
		err = fmt.Errorf("the answer is of type %q, not %s: is this a collector?", resp.Header.Get("Content-Type"), mediaType)
	case len(body) > maxAnswer:
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	default:
		a, err := parseAnswer(body)
		if err == nil {
			return a, nil
		}
		return Answer{}, &Error{Permanent: true, Err: err}
	}
	return Answer{}, &Error{Permanent: true, Err: err}
}

// httpError sorts a status by the OTLP specification, "Retryable Response
// Codes" and "OTLP/HTTP Throttling".
func httpError(resp *http.Response) *Error {
	e := &Error{Err: fmt.Errorf("the collector answers %s", resp.Status)}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.After = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	default:
		e.Permanent = true
	}
	return e
}

// retryAfter parses seconds or a date (RFC 9110 §10.2.3). It returns 0 for
// anything else.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}
