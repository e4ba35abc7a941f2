package proxy

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// Responses without a body may have the headers of one, and a coded body may be
// empty.
func TestCodedResponsesWithoutABody(t *testing.T) {
	gz := string(encoded(t, "gzip", `{"other":1}`))
	for name, p := range map[string]string{"held": rigPolicy, "streamed": streamedPolicy} {
		for _, mode := range []wire.BodyMode{wire.ModeBuffered, wire.ModeStreamed, wire.ModeFullDuplex} {
			r := newRig(t, rigOptions{policy: p})
			answer := func(w http.ResponseWriter, req *http.Request) {
				_, _ = io.Copy(io.Discard, req.Body)
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Encoding", req.Header.Get("X-Coding"))
				w.Header().Set("ETag", `"1"`)
				switch req.Header.Get("X-Kind") {
				case "204":
					w.WriteHeader(http.StatusNoContent)
				case "304":
					w.WriteHeader(http.StatusNotModified)
				case "flushed":
					w.(http.Flusher).Flush()
				case "empty":
				default:
					_, _ = io.WriteString(w, gz)
				}
			}
			front := r.front(dataplane.Config{Mode: bothWays(mode), AllowContentLength: true}, answer)
			for _, tc := range []struct {
				method, kind, coding string
				status               int
				body                 string
			}{
				{"HEAD", "", "gzip", 200, ""}, {"HEAD", "empty", "br", 200, ""}, {"GET", "204", "gzip", 204, ""}, {"GET", "304", "gzip", 304, ""},
				{"GET", "", "gzip", 200, `{"other":1}`}, {"GET", "empty", "gzip", 200, ""}, {"GET", "flushed", "gzip", 200, ""}, {"GET", "flushed", "zstd", 200, ""},
			} {
				req, err := http.NewRequestWithContext(t.Context(), tc.method, front.URL+"/open/x", nil)
				must(t, err)
				req.Header = http.Header{"X-Kind": {tc.kind}, "X-Coding": {tc.coding}, "Accept-Encoding": {"identity"}}
				resp, err := front.Client().Do(req)
				must(t, err)
				got, err := io.ReadAll(resp.Body)
				must(t, err)
				resp.Body.Close()
				if len(got) > 0 && tc.coding == "gzip" && bytes.HasPrefix(got, []byte("\x1f")) {
					got = []byte(decoded(t, "gzip", got))
				}
				if resp.StatusCode != tc.status || string(got) != tc.body || resp.Header.Get("Content-Encoding") != tc.coding {
					t.Errorf("%s, mode %d, %s %s %s: %d %q", name, mode, tc.method, tc.kind, tc.coding, resp.StatusCode, got)
				}
			}
		}
	}
}
