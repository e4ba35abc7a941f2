package proxy

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// encoded is text in a content coding.
func encoded(t testing.TB, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch name {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		z, err := zstd.NewWriter(&b)
		must(t, err)
		w = z
	default:
		return []byte(text)
	}
	_, err := io.WriteString(w, text)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

// decoded is the text of a body in a content coding.
func decoded(t testing.TB, name string, body []byte) string {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	switch name {
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatalf("%v: %.100q", err, body)
		}
		r = z
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		z, err := zstd.NewReader(r)
		must(t, err)
		defer z.Close()
		r = z
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%v: %.100q", err, body)
	}
	return string(text)
}

// A codedFront is a data plane whose service keeps what it was sent, and sends
// it back.
type codedFront struct {
	*front
	mu   sync.Mutex
	kept []byte
}

func newCodedFront(r *rig, mode dataplane.Mode) *codedFront {
	c := new(codedFront)
	c.front = r.front(dataplane.Config{Mode: mode}, func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		c.mu.Lock()
		c.kept = body
		c.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if e := req.Header.Get("Content-Encoding"); e != "" {
			w.Header().Set("Content-Encoding", e)
		}
		_, _ = w.Write(body)
	})
	return c
}

// send posts a body in a coding, and returns what the client and the service
// got.
func (c *codedFront) send(t *testing.T, path, coding string, body []byte) (status int, got, kept []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL+path, bytes.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", coding)
	req.Header.Set("Accept-Encoding", "identity") // so that the client decodes nothing
	resp, err := c.Client().Do(req)
	must(t, err)
	defer resp.Body.Close()
	got, err = io.ReadAll(resp.Body)
	must(t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	return resp.StatusCode, got, c.kept
}

// randomText is n characters that no coding makes much shorter.
func randomText(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(r.IntN(26))
	}
	return string(b)
}

// A coded body is sealed for the service and opened for the client, in its
// coding, whole and in pieces.
func TestCodedBodies(t *testing.T) {
	long := `{"pad":["` + strings.Repeat("some text", 8_000) + randomText(40<<10) + `"],"secret":"` + canary + `"}`
	for name, p := range map[string]string{"held": rigPolicy, "streamed": streamedPolicy} {
		for _, mode := range []wire.BodyMode{wire.ModeBuffered, wire.ModeStreamed, wire.ModeFullDuplex} {
			c := newCodedFront(newRig(t, rigOptions{policy: p}), bothWays(mode))
			for _, coding := range []string{"gzip", "br", "zstd", "identity"} {
				for _, text := range []string{`{"secret":"` + canary + `"}`, `{"other":1}`, long} {
					status, got, kept := c.send(t, "/both/x", coding, encoded(t, coding, text))
					if status != http.StatusOK {
						t.Fatalf("%s, mode %d, %s: status %d: %s", name, mode, coding, status, got)
					}
					seen := decoded(t, coding, kept)
					if strings.Contains(seen, canary) || strings.Contains(text, canary) != strings.Contains(seen, `"sm1.`) {
						t.Errorf("%s, mode %d, %s: the service got %.100q", name, mode, coding, seen)
					}
					if back := decoded(t, coding, got); back != text {
						t.Errorf("%s, mode %d, %s: %.100q came back", name, mode, coding, back)
					}
				}
			}
		}
	}
}

// What is refused of coded bodies, and with which code.
func TestCodedBodiesRefused(t *testing.T) {
	p := strings.Replace(rigPolicy, "request: {seal: {$..secret: pii}, pass:", "request: {seal: {$..secret: pii}, encoding: refuse, pass:", 1)
	c := newCodedFront(newRig(t, rigOptions{policy: p}), bothWays(wire.ModeFullDuplex))
	text := `{"secret":"` + canary + `"}`
	gz := encoded(t, "gzip", text)
	for _, tc := range []struct {
		name, path, coding string
		body               []byte
		status             int
		want               string
	}{
		{"refused by the policy", "/seal/x", "gzip", gz, 415, codeEncoding},
		{"deflate", "/both/x", "deflate", gz, 415, codeEncoding},
		{"x-gzip", "/both/x", "x-gzip", gz, 415, codeEncoding},
		{"a list", "/both/x", "gzip, gzip", gz, 415, codeEncoding},
		{"not gzip", "/both/x", "gzip", []byte(text), 400, codeCoded},
		{"cut", "/both/x", "gzip", gz[:len(gz)-3], 400, codeCoded},
		{"two members", "/both/x", "gzip", append(gz[:len(gz):len(gz)], gz...), 400, codeCoded},
		{"bytes behind", "/both/x", "br", append(encoded(t, "br", text), "\r\n"...), 400, codeCoded},
		{"malformed inside", "/both/x", "zstd", encoded(t, "zstd", `{"secret":`), 400, "body_truncated"},
		{"a bomb", "/both/x", "gzip", encoded(t, "gzip", `{"a":"`+strings.Repeat("a", 4<<20)+`"}`), 413, codeLarge},
		{"too long to be held", "/both/x", "gzip", encoded(t, "gzip", `["`+strings.Repeat("abcdefgh01234567 ", 20_000)+randomText(60<<10)+`"]`), 413, codeLarge},
	} {
		status, got, _ := c.send(t, tc.path, tc.coding, tc.body)
		if status != tc.status || !strings.Contains(string(got), `"`+tc.want+`"`) {
			t.Errorf("%s: status %d: %.200s", tc.name, status, got)
		}
	}
}
