package transit

import (
	"errors"
	"io"
	"net/http"

	"github.com/sealmesh/sealmesh/hsm/guard"
)

var errPlainHTTP = errors.New("a redirect leads to plain HTTP")

// A sender is between the SDK and the network, and enforces what the SDK does
// not, also for redirects: no request goes in clear to another machine, and
// every body is cleared after sending.
type sender struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (s sender) RoundTrip(r *http.Request) (*http.Response, error) {
	if checkAddress(r.URL) != nil {
		return nil, errPlainHTTP
	}
	sent := r.Clone(r.Context())
	if r.Body != nil {
		own := make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, own)
		if err = errors.Join(err, r.Body.Close()); err != nil {
			return nil, err
		}
		sent.Body, sent.GetBody = &secretBody{rest: own}, nil
	}
	resp, err := guard.Limit(s.next).RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	resp.Request = r // which the SDK reads, and not every RoundTripper sets
	return resp, nil
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] looks for.
func (s sender) CloseIdleConnections() {
	if c, ok := s.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// readAnswer returns the body of an answer, which the caller clears.
func readAnswer(resp *http.Response) ([]byte, error) {
	if n := resp.ContentLength; 0 <= n && n <= guard.MaxAnswer {
		text := make([]byte, n) // not grown, which would leave copies
		_, err := io.ReadFull(resp.Body, text)
		return text, err
	}
	return io.ReadAll(resp.Body)
}
