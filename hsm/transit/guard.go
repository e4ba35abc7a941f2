package transit

import (
	"errors"
	"io"
	"net/http"
)

// maxAnswer is the longest answer in bytes that is read. A real one has less than 8 KiB.
const maxAnswer = 64 << 10

var errPlainHTTP = errors.New("a redirect leads to plain HTTP")

// A guard stands between the SDK and the network. It holds what the SDK does not
// bound, redirects included: no request goes in clear to another machine, no
// answer has more than [maxAnswer] bytes, and no body outlives its sending.
type guard struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
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
	resp, err := g.RoundTripper.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	resp.Request = r // which the SDK reads, and not every RoundTripper sets
	resp.Body = boundedBody{io.LimitReader(resp.Body, maxAnswer+1), resp.Body}
	return resp, nil
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] looks for.
func (g guard) CloseIdleConnections() {
	if c, ok := g.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type boundedBody struct {
	io.Reader
	io.Closer
}

// readAnswer returns an answer's body, which the caller clears. One that is
// longer than [maxAnswer] is cut, and is no JSON then.
func readAnswer(resp *http.Response) ([]byte, error) {
	if n := resp.ContentLength; 0 <= n && n <= maxAnswer {
		text := make([]byte, n) // not grown, which would leave copies
		_, err := io.ReadFull(resp.Body, text)
		return text, err
	}
	return io.ReadAll(resp.Body)
}
