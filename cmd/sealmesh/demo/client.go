package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const jsonType = "application/json"

func (t *tour) post(ctx context.Context, body string) (int, []byte, error) {
	return t.send(ctx, http.MethodPost, "/customers", jsonType, strings.NewReader(body))
}

func (t *tour) get(ctx context.Context, path string) (int, []byte, error) {
	return t.send(ctx, http.MethodGet, path, jsonType, nil)
}

func (t *tour) send(ctx context.Context, method, path, contentType string, body io.Reader) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, t.edge+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

// kekCalls reads from sealmesh's own metrics how often it called the KEK.
func (t *tour) kekCalls(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://admin/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := t.admin.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	calls, found := 0.0, false
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "} "); ok && strings.HasPrefix(name, "sealmesh_kms_requests_total{") {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			calls, found = calls+n, true
		}
	}
	if !found {
		return 0, fmt.Errorf("sealmesh's metrics have no sealmesh_kms_requests_total")
	}
	return int(calls), nil
}
