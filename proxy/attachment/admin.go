package attachment

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// maxAnswer is the longest answer of Envoy that is read.
const maxAnswer = 256 << 20

// An admin is Envoy's admin endpoint.
type admin struct {
	client http.Client
	base   string
}

func newAdmin(addr string) *admin {
	a := &admin{base: "http://" + addr}
	transport := &http.Transport{DisableCompression: true, MaxIdleConns: 1}
	if path, ok := strings.CutPrefix(addr, "unix://"); ok {
		a.base = "http://envoy"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	a.client.Transport = transport
	return a
}

// get returns the answer to a GET of path.
func (a *admin) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("Envoy's admin endpoint: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("Envoy's admin endpoint: %w", err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("Envoy's admin endpoint: %s", resp.Status)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("Envoy's admin endpoint: the answer is longer than %d bytes", maxAnswer)
	}
	return body, nil
}
