package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// What HTTP can do to a body besides being one, through a real Envoy.
func TestEnvoyHTTP(t *testing.T) {
	s := newStack(t, stackOptions{handler: specials})
	sealed := s.sealed(t, `{"secret":"`+canary+`"}`)
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		want                     string            // in the body
		headers                  map[string]string // of the response; "" for absent
		upstream                 map[string]string // of the request that the upstream got; "" for absent
	}{
		{name: "no content", method: "POST", path: "/open/204", status: 204},
		{name: "not modified", method: "GET", path: "/open/304", status: 304},
		{name: "head", method: "HEAD", path: "/open/echo", status: 200, headers: map[string]string{"content-length": ""}},
		{name: "empty request", method: "POST", path: "/seal/echo", status: 200},
		{name: "empty response", method: "GET", path: "/open/empty", status: 200},
		{name: "etag is weakened", method: "POST", path: "/open/etag", body: sealed, status: 200, want: canary,
			headers: map[string]string{"etag": `W/"v1~sm"`, "content-md5": "", "digest": "", "accept-ranges": ""}},
		{name: "etag stays where nothing changed", method: "POST", path: "/open/etag", body: `{}`, status: 200,
			headers: map[string]string{"etag": `"v1"`, "digest": "x"}},
		{name: "if-match is restored", method: "POST", path: "/seal/echo", body: `{}`, header: []string{"If-Match", `W/"v1~sm", W/"3"`}, status: 200,
			upstream: map[string]string{"if-match": `"v1", W/"3"`}},
		{name: "if-match stays as it was sent", method: "POST", path: "/seal/echo", body: `{}`, header: []string{"If-Match", `W/"3"`, "If-None-Match", `W/"4", *`}, status: 200,
			upstream: map[string]string{"if-match": `W/"3"`, "if-none-match": `W/"4", *`}},
		{name: "request digests go", method: "POST", path: "/seal/echo", body: `{"secret":1}`, status: 200,
			header: []string{"Content-Digest", "sha-256=:x:"}, upstream: map[string]string{"content-digest": ""}},
		{name: "the upstream answers uncompressed", method: "GET", path: "/open/echo", status: 200,
			header:   []string{"Accept-Encoding", "gzip", "Range", "bytes=0-3"},
			upstream: map[string]string{"accept-encoding": "", "range": ""}},
		{name: "gzip response", method: "POST", path: "/open/gzip", body: sealed, status: 200, want: canary},
		{name: "gzip request", method: "POST", path: "/seal/echo", body: zipped(`{"secret":1}`), header: []string{"Content-Encoding", "gzip"}, status: 200, want: `{"secret":"sm1.`},
		{name: "gzip that ends early", method: "POST", path: "/seal/x", body: "\x1f\x8b", header: []string{"Content-Encoding", "gzip"}, status: 400, want: "encoding_malformed"},
		{name: "deflate request", method: "POST", path: "/seal/x", body: "x", header: []string{"Content-Encoding", "deflate"}, status: 415, want: "encoding_unsupported"},
		{name: "partial response", method: "GET", path: "/open/206", status: 502, want: "partial_unsupported"},
		{name: "error page on open", method: "GET", path: "/open/404", status: 404, want: "no such page"},
		{name: "a byte order mark stays", method: "POST", path: "/seal/echo", body: "\ufeff{\"secret\":1}", status: 200, want: "\ufeff{\"secret\":\"sm1."},
		{name: "text response", method: "GET", path: "/open/text", status: 200, want: "plain"},
		{name: "text where the response is sealed", method: "GET", path: "/seal-response/404", status: 502, want: "type_unsupported"},
		{name: "response sealed", method: "POST", path: "/seal-response/echo", body: `{"secret":1}`, status: 200, want: `{"secret":"sm1.`},
		{name: "wrong type", method: "POST", path: "/seal/x", body: "a=b", header: []string{"Content-Type", "text/plain"}, status: 415, want: "type_unsupported"},
		{name: "no type", method: "POST", path: "/seal/x", body: `{"secret":1}`, header: []string{"Content-Type", ""}, status: 415, want: "type_unsupported"},
		{name: "another charset", method: "POST", path: "/seal/x", body: `{}`, header: []string{"Content-Type", "application/json; charset=utf-16"}, status: 415, want: "type_unsupported"},
		{name: "a charset of RFC 2231", method: "POST", path: "/seal/x", body: `{"+AHMAZQBjAHIAZQB0-":"` + canary + `"}`, header: []string{"Content-Type", "application/json; charset*=utf-7"}, status: 415, want: "type_unsupported"},
		{name: "a charset as clients spell it", method: "POST", path: "/seal/echo", body: `{"secret":1}`, header: []string{"Content-Type", "application/json;charset=utf8"}, status: 200, want: "sm1.",
			upstream: map[string]string{"content-type": "application/json; charset=utf-8"}},
		{name: "problem+json is JSON", method: "POST", path: "/seal/echo", body: `{"secret":1}`, header: []string{"Content-Type", "application/problem+json"}, status: 200, want: "sm1."},
		{name: "too large", method: "POST", path: "/seal/x", body: `{"a":"` + strings.Repeat("a", 1<<20) + `"}`, status: 413},
		{name: "no route", method: "GET", path: "/nowhere", status: 403, want: "route_unmatched"},
		{name: "free route", method: "POST", path: "/free/echo", body: "anything", header: []string{"Content-Type", "text/plain"}, status: 200, want: "anything"},
		{name: "encoded slash", method: "POST", path: "/seal%2Fx", body: `{"secret":"` + canary + `"}`, status: 400},
		{name: "dots with parameters", method: "POST", path: "/free/..;/seal/x", body: `{"secret":"` + canary + `"}`, status: 200, want: "sm1."},
		{name: "doubly encoded dots on a free route", method: "POST", path: "/free/%252e%252e/seal/x", body: `{"secret":"` + canary + `"}`, status: 400, want: "path_ambiguous"},
		{name: "dot segments", method: "POST", path: "/free/../seal/echo", body: `{"secret":"` + canary + `"}`, status: 200, want: "sm1."},
		{name: "encoded letters", method: "POST", path: "/se%61l/echo", body: `{"secret":"` + canary + `"}`, status: 200, want: "sm1."},
		{name: "double slash", method: "POST", path: "//seal//echo", body: `{"secret":"` + canary + `"}`, status: 200, want: "sm1."},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := s.do(c.method, c.path, c.body, c.header...)
			if got.err != nil || got.status != c.status || !strings.Contains(got.body, c.want) {
				t.Fatalf("%v, status %d, not %d: %.300s", got.err, got.status, c.status, got.body)
			}
			hasHeaders(t, "response", got.header, c.headers)
			if c.upstream != nil {
				hasHeaders(t, "upstream", s.upstream.last(t).header, c.upstream)
			}
			if c.status >= 400 && c.want != "" && !strings.Contains(c.want, " ") && got.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("content-type %q", got.header.Get("Content-Type"))
			}
		})
	}
	if seen := s.upstream.everything(); strings.Contains(seen, canary) {
		t.Errorf("the upstream saw a value in clear: %.500s", seen)
	}
}

func hasHeaders(t *testing.T, where string, h http.Header, want map[string]string) {
	t.Helper()
	for name, v := range want {
		if got := h.Get(name); got != v {
			t.Errorf("%s: %s: %q, not %q", where, name, got, v)
		}
	}
}

// specials is an upstream that answers in the way its path says.
func specials(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:] {
	case "204":
		w.WriteHeader(http.StatusNoContent)
	case "304":
		h.Set("ETag", `"v1"`)
		w.WriteHeader(http.StatusNotModified)
	case "206":
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(w, `"secr`)
	case "404":
		h.Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "no such page")
	case "text":
		h.Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "plain")
	case "empty":
	case "gzip":
		h.Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, zipped(string(body)))
	case "etag":
		for _, kv := range [][2]string{{"ETag", `"v1"`}, {"Digest", "x"}, {"Content-MD5", "x"}, {"Accept-Ranges", "bytes"}} {
			h.Set(kv[0], kv[1])
		}
		_, _ = w.Write(body)
	default:
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			body = []byte(`{}`)
		}
		if ct := r.Header.Get("Content-Type"); ct != "" {
			h.Set("Content-Type", ct)
		}
		if e := r.Header.Get("Content-Encoding"); e != "" {
			h.Set("Content-Encoding", e)
		}
		_, _ = w.Write(body)
	}
}

// zipped returns body as gzip.
func zipped(body string) string {
	var b strings.Builder
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, body)
	_ = z.Close()
	return b.String()
}

// sealed returns body as the upstream gets it.
func (s *stack) sealed(t *testing.T, body string) string {
	t.Helper()
	if got := s.do(http.MethodPost, "/seal/echo", body); got.status != http.StatusOK {
		t.Fatalf("seal: %v %d %s", got.err, got.status, got.body)
	}
	return s.upstream.last(t).body
}

// Bad input gets a clear refusal, and nothing of it reaches the upstream.
func TestEnvoyRefusals(t *testing.T) {
	s := newStack(t, stackOptions{})
	sealed := s.sealed(t, `{"secret":"`+canary+`"}`)
	text := strings.TrimSuffix(strings.TrimPrefix(sealed, `{"secret":"`), `"}`)
	field := func(v string) string { return `{"secret":"` + v + `"}` }
	flip := func(i int) string {
		b := []byte(text)
		if b[i] == 'A' {
			b[i] = 'B'
		} else {
			b[i] = 'A'
		}
		return string(b)
	}
	before := s.upstream.count()
	for _, c := range []struct {
		name, path, body string
		status           int
		code             string
	}{
		{"malformed", "/seal/x", `{"secret":"` + canary + `",}`, 400, "body_malformed"},
		{"truncated", "/seal/x", `{"secret":"` + canary + `"`, 400, "body_truncated"},
		{"two values", "/seal/x", `{"secret":"` + canary + `"} {}`, 400, "body_malformed"},
		{"invalid UTF-8", "/seal/x", "{\"secret\":\"\xff" + canary + "\"}", 400, "body_malformed"},
		{"too deep", "/seal/x", strings.Repeat("[", 300) + strings.Repeat("]", 300), 400, "body_too_deep"},
		{"plaintext on open", "/open-request/x", field(canary), 422, "value_not_sealed"},
		{"a number on open", "/open-request/x", `{"secret":5}`, 422, "value_not_sealed"},
		{"forged", "/open-request/x", field(flip(len(text) - 3)), 422, "value_not_opened"},
		{"changed record", "/open-request/x", field(flip(60)), 422, ""},
		{"truncated envelope", "/open-request/x", field(text[:len(text)-8]), 422, ""},
		{"future version", "/open-request/x", field("sm2." + text[4:]), 422, ""},
		{"unknown suite", "/open-request/x", field("sm1.fw" + text[6:]), 422, ""},
		{"another tag", "/other-tag/x", sealed, 422, "value_not_opened"},
		{"another key", "/other-tenant/x", sealed, 422, "value_not_opened"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := s.do(http.MethodPost, c.path, c.body)
			if got.status != c.status || !strings.Contains(got.body, `"code":"`+c.code) {
				t.Errorf("status %d: %s", got.status, got.body)
			}
			if strings.Contains(got.body, canary) {
				t.Errorf("the refusal quotes the value: %s", got.body)
			}
		})
	}
	if n := s.upstream.count() - before; n != 0 {
		t.Errorf("%d refused requests reached the upstream: %s", n, s.upstream.everything())
	}
	if strings.Contains(s.logs.String(), canary) {
		t.Error("a log quotes the value")
	}
}

// A value over the limit is refused in the streamed form too, where no buffer
// stops it.
func TestEnvoyOversizeValue(t *testing.T) {
	s := newStack(t, stackOptions{})
	got := s.do(http.MethodPost, "/streamed/x", `{"secret":"`+strings.Repeat("v", 2<<20)+`"}`)
	if got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "value_too_large") {
		t.Errorf("%v, status %d: %.200s", got.err, got.status, got.body)
	}
}

// When the upstream is unavailable, its client sees Envoy's own answer.
func TestEnvoyLocalReply(t *testing.T) {
	s := newStack(t, stackOptions{})
	s.upstream.Close()
	for _, path := range []string{"/buffered/x", "/streamed/x"} {
		if got := s.do(http.MethodPost, path, `{"secret":1}`); got.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %v, status %d: %s", path, got.err, got.status, got.body)
		}
	}
}

// Upgrades never end, so that nothing in them could be protected.
func TestEnvoyUpgrade(t *testing.T) {
	s := newStack(t, stackOptions{})
	c, err := net.Dial("tcp", strings.TrimPrefix(s.envoy.URL, "http://"))
	must(t, err)
	defer c.Close()
	fmt.Fprintf(c, "GET /buffered/x HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
	buf := make([]byte, 1024)
	n, err := c.Read(buf)
	must(t, err)
	if !bytes.HasPrefix(buf[:n], []byte("HTTP/1.1 4")) {
		t.Errorf("%s", buf[:n])
	}
	if s.upstream.count() != 0 {
		t.Error("reached the upstream")
	}
}
