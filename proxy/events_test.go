package proxy

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// An event leaves when it has come, though the stream does not end. A request
// with events is refused.
func TestEventsLeaveAtOnce(t *testing.T) {
	r := newRig(t, rigOptions{policy: streamedPolicy})
	var sealed string // before the stream is asked for
	seen := make(chan struct{})
	front := r.front(dataplane.Config{Mode: bothWays(wire.ModeFullDuplex)}, func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			b, _ := io.ReadAll(req.Body)
			sealed = anyEnvelope.FindString(string(b))
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = io.WriteString(w, "id: 1\ndata: {\"secret\": \""+sealed+"\"}\n\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-seen:
			case <-req.Context().Done():
				return
			}
		}
	})
	status, _, err := front.post("/seal/x", jsonType, strings.NewReader(`{"secret": "`+canary+`"}`))
	if err != nil || status != http.StatusOK || sealed == "" {
		t.Fatalf("sealing: status %d, %v", status, err)
	}
	resp, err := front.Client().Do(asking(t, front.URL+"/open/x", ""))
	must(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for range 3 {
		for _, want := range []string{"id: 1", `data: {"secret": "` + canary + `"}`, ""} {
			if !lines.Scan() || lines.Text() != want {
				t.Fatalf("%q instead of %q, %v", lines.Text(), want, lines.Err())
			}
		}
		seen <- struct{}{}
	}
	status, _, err = front.post("/seal/x", "text/event-stream", strings.NewReader("data: {\"secret\": 1}\n\n"))
	if err != nil || status != http.StatusUnsupportedMediaType {
		t.Errorf("a request with events: status %d, %v", status, err)
	}
}
