package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

func bothWays(mode wire.BodyMode) dataplane.Mode {
	duplex := mode == wire.ModeFullDuplex
	return dataplane.Mode{RequestHeaders: true, ResponseHeaders: true, RequestBody: mode, ResponseBody: mode,
		RequestTrailers: duplex, ResponseTrailers: duplex}
}

// bodyModes are the forms in which a body may come and be handled.
var bodyModes = map[string]struct {
	mode   wire.BodyMode
	policy string
}{
	"BUFFERED":             {wire.ModeBuffered, rigPolicy},
	"STREAMED":             {wire.ModeStreamed, streamedPolicy},
	"FULL_DUPLEX_STREAMED": {wire.ModeFullDuplex, streamedPolicy},
	"whole":                {wire.ModeFullDuplex, rigPolicy},
}

func shapes() map[string]string {
	return map[string]string{
		"small":  `{"secret": "` + canary + `", "tenant": {"a": "` + canary + `"}, "open": 1.10}`,
		"none":   `[1, 2, {"open": null}]`,
		"root":   `17`,
		"many":   `[` + strings.Repeat(`{"secret":"`+canary+`"},`, 300) + `{}]`,
		"large":  `{"pad": "` + strings.Repeat("p", 20_000) + `", "secret": "` + canary + strings.Repeat("s", 20_000) + `"}`,
		"spaced": "\n{ \"secret\"\t: [ \"" + canary + "\" ] }\r\n ",
	}
}

// Whatever Envoy does to a body on the way, the client gets back what it sent
// and the upstream never sees a value in clear.
func TestRoundTripUnderFaults(t *testing.T) {
	faults := map[string]dataplane.Faults{
		"quiet":         {},
		"single bytes":  {Chunks: []int{1}},
		"odd chunks":    {Chunks: []int{3, 1, 7, 64, 1000}},
		"empty chunks":  {EmptyChunks: true, Chunks: []int{500}},
		"duplicate end": {DuplicateEnd: true},
		"no request":    {NoRequest: true},
		"early close":   {EarlyClose: true},
		"half close":    {HalfClose: true},
	}
	for mode, m := range bodyModes {
		r := newRig(t, rigOptions{policy: m.policy})
		for fault, f := range faults {
			t.Run(mode+"/"+fault, func(t *testing.T) {
				// A length that is not the body's breaks the message, since none is removed
				// by itself.
				front := r.front(dataplane.Config{Mode: bothWays(m.mode), Faults: f, AllowContentLength: true}, nil)
				for name, body := range shapes() {
					if len(body) > 5_000 && fault == "single bytes" {
						continue // one message a byte
					}
					status, got, err := front.post("/both/x", "application/json", strings.NewReader(body))
					if err != nil || status != http.StatusOK || got != body {
						t.Errorf("%s: %v, status %d: got %.200s", name, err, status, got)
					}
				}
			})
		}
	}
}

// Without headers, attributes say what the request is.
func TestAttributesStandIn(t *testing.T) {
	r := newRig(t, rigOptions{})
	front := r.front(dataplane.Config{
		Mode:              dataplane.Mode{ResponseHeaders: true, RequestBody: wire.ModeBuffered, ResponseBody: wire.ModeBuffered},
		RequestAttributes: RequestAttributes, ResponseAttributes: ResponseAttributes,
	}, nil)
	body := shapes()["small"]
	status, got, err := front.post("/both/x", "application/json", strings.NewReader(body))
	if err != nil || status != http.StatusOK || got != body {
		t.Errorf("%v, status %d: %s", err, status, got)
	}
}

// A stream that breaks at any message leaves the client with an error, and the
// upstream without a value in clear.
func TestBreakAtEveryMessage(t *testing.T) {
	for mode, m := range bodyModes {
		r := newRig(t, rigOptions{policy: m.policy})
		for at := range 8 {
			t.Run(fmt.Sprintf("%s/%d", mode, at), func(t *testing.T) {
				var broke atomic.Bool
				front := r.front(dataplane.Config{Mode: bothWays(m.mode), Faults: dataplane.Faults{
					Chunks: []int{20},
					Kill: func(_ wire.Phase, n int) bool {
						if n != at {
							return false
						}
						broke.Store(true)
						return true
					},
				}}, nil)
				status, got, err := front.post("/both/x", "application/json", strings.NewReader(shapes()["small"]))
				if broke.Load() && err == nil && status < 500 {
					t.Errorf("status %d: %s", status, got)
				}
			})
		}
	}
}

// A client that disconnects in the middle of a body leaves nothing behind.
func TestClientReset(t *testing.T) {
	for mode, m := range bodyModes {
		r := newRig(t, rigOptions{policy: m.policy})
		t.Run(mode, func(t *testing.T) {
			front := r.front(dataplane.Config{Mode: bothWays(m.mode), Faults: dataplane.Faults{Chunks: []int{40}, ResetAfter: 60}}, nil)
			if status, got, err := front.post("/both/x", "application/json", strings.NewReader(shapes()["small"])); err == nil && status < 400 {
				t.Errorf("status %d: %s", status, got)
			}
			r.idle()
		})
	}
}

// A streamed body that stalls ends after limits.exchange.
func TestStalledBody(t *testing.T) {
	for _, p := range []string{streamedPolicy, rigPolicy} {
		for _, sent := range []string{`{"secret": "` + canary, ""} { // "": the headers came, and no byte more
			r := newRig(t, rigOptions{policy: strings.Replace(p, "limits: {", "limits: {exchange: 100ms, ", 1)})
			front := r.front(dataplane.Config{Mode: bothWays(wire.ModeFullDuplex)}, nil)
			body, w := io.Pipe()
			go func() { _, _ = io.WriteString(w, sent) }()
			status, got, err := front.post("/both/x", "application/json", body)
			if err == nil && (status != http.StatusRequestTimeout || !strings.Contains(got, codeIdle)) {
				t.Errorf("after %q: status %d: %s", sent, status, got)
			}
			_ = w.Close()
			r.idle()
		}
	}
}

// One exchange more than limits.streams is refused, and the next one is not.
func TestTooManyExchanges(t *testing.T) {
	r := newRig(t, rigOptions{policy: strings.Replace(rigPolicy, "limits: {", "limits: {streams: 1, ", 1)})
	inside, leave := make(chan struct{}), make(chan struct{})
	front := r.front(dataplane.Config{Mode: bothWays(wire.ModeBuffered)}, func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/slow") {
			close(inside)
			<-leave
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
	})
	first := make(chan int)
	go func() {
		status, _, _ := front.post("/both/slow", "application/json", strings.NewReader(`{}`))
		first <- status
	}()
	<-inside
	if status, got, err := front.post("/both/x", "application/json", strings.NewReader(`{}`)); status != http.StatusServiceUnavailable || !strings.Contains(got, codeBusy) {
		t.Errorf("%v, status %d: %s", err, status, got)
	}
	close(leave)
	if status := <-first; status != http.StatusOK {
		t.Errorf("the first exchange: status %d", status)
	}
}

func TestPassTypesAndMigration(t *testing.T) {
	r := newRig(t, rigOptions{})
	front := r.front(dataplane.Config{Mode: bothWays(wire.ModeBuffered)}, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", req.Header.Get("Content-Type"))
		if req.Header.Get("Content-Type") == "text/html" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.Copy(w, req.Body)
	})
	for _, c := range []struct {
		name, path, contentType, body string
		status                        int
		want                          string
	}{
		{"pass type", "/seal/x", "image/png", "\x89PNG", 200, "\x89PNG"},
		{"pass type that a codec reads", "/seal/x", "image/x+json", `{"secret":1}`, 200, `{"secret":"sm1.`},
		{"other type", "/seal/x", "text/plain", "x", 415, "type_unsupported"},
		{"plaintext while migrating", "/migrating/x", "application/json", `{"secret":5}`, 200, `{"secret":5}`},
		{"half a surrogate pair while migrating", "/migrating/x", "application/json", `{"secret":"\ud800"}`, 200, `{"secret":"\ud800"}`},
		{"plaintext afterwards", "/migrated/x", "application/json", `{"secret":5}`, 502, "value_not_sealed"},
		{"broken envelope while migrating", "/migrating/x", "application/json", `{"secret":"sm1.AAAA"}`, 502, "value_not_opened"},
		{"null on open", "/open/x", "application/json", `{"secret":null}`, 200, `{"secret":null}`},
		{"error page on open", "/open/x", "text/html", "gone", 404, "gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, got, err := front.post(c.path, c.contentType, strings.NewReader(c.body))
			if err != nil || status != c.status || !strings.Contains(got, c.want) {
				t.Errorf("%v, status %d: %s", err, status, got)
			}
		})
	}
	if n := r.metrics.Route("migrating").Plaintext.Load(); n != 2 {
		t.Errorf("%d values counted as plaintext", n)
	}
	if n := r.metrics.Route("open").Null.Load(); n != 1 {
		t.Errorf("%d values counted as null", n)
	}
}
