package dataplane

import (
	"net/http"
	"strings"
	"testing"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

func common(m *extproc.HeaderMutation, b *extproc.BodyMutation) *extproc.CommonResponse {
	return &extproc.CommonResponse{HeaderMutation: m, BodyMutation: b}
}

// BUFFERED with headers keeps content-length, and the processor has to keep it
// true.
func TestBufferedContentLength(t *testing.T) {
	mode := Mode{RequestHeaders: true, RequestBody: wire.ModeBuffered}
	remove := &extproc.HeaderMutation{RemoveHeaders: []string{"content-length"}}
	for _, c := range []struct {
		name   string
		reply  *extproc.CommonResponse
		status int
		length string // as the upstream saw it
	}{
		{"set to the new length", common(set("content-length", "3"), newBody("new")), 200, "known"},
		{"same length", common(nil, newBody("BODY")), 200, "known"},
		{"body unchanged", common(nil, nil), 200, "known"},
		{"left wrong", common(nil, newBody("new")), 500, ""},
		{"set wrong", common(set("content-length", "4"), newBody("new")), 500, ""},
		{"removed", common(remove, newBody("new")), 200, ""},
		{"cleared and zero", common(set("content-length", "0"), &extproc.BodyMutation{Mutation: &extproc.BodyMutation_ClearBody{ClearBody: true}}), 200, "known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{Mode: mode}, deviate("request-body", answer(requestBody, c.reply)), nil)
			response, _ := r.post(t, "body", c.status)
			if got := response.Header.Get("Seen-Length"); got != c.length {
				t.Errorf("the upstream saw length %q, want %q", got, c.length)
			}
		})
	}
}

// The same on the way back.
func TestBufferedResponseContentLength(t *testing.T) {
	mode := Mode{ResponseHeaders: true, ResponseBody: wire.ModeBuffered}
	for name, want := range map[string]int{"5": 200, "4": 500} {
		reply := common(set("content-length", name), newBody("12345"))
		r := newRig(t, Config{Mode: mode}, deviate("response-body", answer(responseBody, reply)), nil)
		if response, got := r.post(t, "body", want); want == 200 && (got != "12345" || response.ContentLength != 5) {
			t.Errorf("got %q, length %d", got, response.ContentLength)
		}
	}
}

// Every other mode loses content-length, and the processor cannot bring it
// back.
func TestContentLengthIsRemoved(t *testing.T) {
	for name, mode := range map[string]Mode{
		"streamed":                 {RequestHeaders: true, RequestBody: wire.ModeStreamed},
		"partial":                  {RequestHeaders: true, RequestBody: wire.ModeBufferedPartial},
		"full duplex":              {RequestHeaders: true, RequestBody: wire.ModeFullDuplex, RequestTrailers: true},
		"buffered without headers": {RequestBody: wire.ModeBuffered},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{Mode: mode}, loop(func(m *extproc.ProcessingRequest) []*extproc.ProcessingResponse {
				reply := common(set("content-length", "4", "x-set", "yes"), nil)
				if b, ok := bodyOf(m); ok && mode.RequestBody == wire.ModeFullDuplex {
					reply = common(nil, piece(string(b.Body), b.EndOfStream))
				}
				return []*extproc.ProcessingResponse{answer(m, reply)}
			}), nil)
			response, _ := r.post(t, "body", 200)
			if got := response.Header.Get("Seen-Length"); got != "" {
				t.Errorf("the upstream saw a length: %q", got)
			}
			if mode.RequestHeaders && mode.RequestBody != wire.ModeBufferedPartial && response.Header.Get("Seen-X-Set") != "yes" {
				t.Error("the other mutation is lost")
			}
		})
	}
}

// A BUFFERED body past the limit is refused; other modes only slow down.
func TestBufferLimit(t *testing.T) {
	const limit = 1000
	at, past := strings.Repeat("x", limit), strings.Repeat("x", limit+1)
	for _, c := range []struct {
		name   string
		mode   Mode
		body   string
		status int
		seen   string // "any" where the failure may overtake the message
	}{
		{"request at the limit", Mode{RequestBody: wire.ModeBuffered}, at, 200, "request-body:" + at + "."},
		{"request past it", Mode{RequestBody: wire.ModeBuffered}, past, 413, ""},
		{"request past it, response processed", Mode{RequestBody: wire.ModeBuffered, ResponseHeaders: true}, past, 413, "response-headers"},
		{"response at the limit", Mode{ResponseBody: wire.ModeBuffered}, at, 200, "response-body:" + at + "."},
		{"response past it", Mode{ResponseHeaders: true, ResponseBody: wire.ModeBuffered}, past, 500, "any"},
		{"streamed past it", Mode{RequestHeaders: true, RequestBody: wire.ModeStreamed}, past, 200, "request-headers request-body:" + past + "."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{Mode: c.mode, BufferLimit: limit}, deviate("never"), nil)
			r.post(t, c.body, c.status)
			if got := r.messages(); c.seen != "any" && got != c.seen {
				t.Errorf("messages %.80s, want %.80s", got, c.seen)
			}
		})
	}
}

// BUFFERED_PARTIAL shows the beginning of a long body, and the rest passes
// unseen.
func TestBufferedPartialPassesTheRest(t *testing.T) {
	r := newRig(t, Config{Mode: Mode{RequestBody: wire.ModeBufferedPartial}, BufferLimit: 10, Faults: Faults{Chunks: []int{4}}},
		deviate("request-body", answer(requestBody, common(nil, newBody("<seen>")))), nil)
	if _, got := r.post(t, "0123456789abcdef", 200); got != "<seen>cdef" {
		t.Errorf("got %q", got)
	}
}

func TestNoBodyMessages(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for _, c := range []struct {
		name, method string
		upstream     http.HandlerFunc
		seen         string
	}{
		{"GET", "GET", status(200), "request-headers. response-headers."},
		{"HEAD", "HEAD", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "7") }, "request-headers. response-headers."},
		{"204", "GET", status(204), "request-headers. response-headers."},
		{"304", "GET", status(304), "request-headers. response-headers."},
		{"chunked empty", "GET", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, "request-headers. response-headers response-body:."},
	} {
		for name, mode := range map[string]wire.BodyMode{"buffered": wire.ModeBuffered, "streamed": wire.ModeStreamed, "duplex": wire.ModeFullDuplex} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				r := newRig(t, Config{Mode: all(mode)}, upper(mode == wire.ModeFullDuplex), c.upstream)
				response, _, err := r.do(t, r.request(t, c.method, ""))
				if err != nil {
					t.Fatal(err)
				}
				if got := r.messages(); got != c.seen {
					t.Errorf("messages %s, want %s", got, c.seen)
				}
				if c.name == "HEAD" && (response.ContentLength == 7) != (mode == wire.ModeBuffered) {
					t.Errorf("content-length %d", response.ContentLength)
				}
			})
		}
	}
}
