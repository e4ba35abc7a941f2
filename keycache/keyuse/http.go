package keyuse

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

// maxAnswer bounds what is read of a collector's answer.
const maxAnswer = 64 << 10

const mediaType = "application/x-protobuf"

func (d *destination) openHTTP() exporter {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = d.tls
	// Only with HTTP/1.1 does a request that timed out take its dead connection along.
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	client := &http.Client{
		Transport: transport,
		// A redirect would carry the credentials of HEADERS to who knows where.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	export := func(ctx context.Context, req *request) (answer, error) {
		ctx, cancel := context.WithTimeout(ctx, d.timeout)
		defer cancel()
		hr, err := d.httpRequest(ctx, req)
		if err != nil {
			return answer{}, err
		}
		resp, err := client.Do(hr)
		if err != nil {
			return answer{}, &sendError{err: err}
		}
		return readAnswer(resp)
	}
	return exporter{export, func() error { transport.CloseIdleConnections(); return nil }}
}

func (d *destination) httpRequest(ctx context.Context, req *request) (*http.Request, error) {
	var body io.Reader = io.MultiReader(bytes.NewReader(req.head), bytes.NewReader(req.body))
	size := int64(len(req.head) + len(req.body))
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

// readAnswer reads what acknowledges: status 200 and an ExportTraceServiceResponse
// (OTLP specification, "OTLP/HTTP Response"). A web server, a proxy's login page or a wrong path
// may well answer 200 too, and took nothing.
func readAnswer(resp *http.Response) (answer, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	err = errors.Join(err, resp.Body.Close())
	switch {
	case resp.StatusCode != http.StatusOK:
		return answer{}, httpError(resp)
	case err != nil:
		return answer{}, &sendError{err: err}
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
		return answer{}, &sendError{permanent: true, err: err}
	}
	return answer{}, &sendError{permanent: true, err: err}
}

// httpError says what a status means for the next attempt: OTLP specification,
// "Retryable Response Codes" and "OTLP/HTTP Throttling".
func httpError(resp *http.Response) *sendError {
	e := &sendError{err: fmt.Errorf("the collector answers %s", resp.Status)}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.after = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	default:
		e.permanent = true
	}
	return e
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3); anything else is no wish.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}
