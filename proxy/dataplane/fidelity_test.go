package dataplane

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A play is one exchange, staged before a real Envoy and before this package.
type play struct {
	name   string
	mode   Mode
	script script
	method string // POST when empty
	body   string
	cut    bool // the stream ends in the middle: how far it came is chance
	length bool // allow_content_length_header
	early  bool // the client has its answer before the processor has the end of the body
}

// plays are the cases in which a wrong idea of Envoy would mislead a processor.
func plays() []play {
	buffered, streamed := all(wire.ModeBuffered), all(wire.ModeStreamed)
	duplex := all(wire.ModeFullDuplex)
	requests := Mode{RequestHeaders: true, RequestBody: wire.ModeBuffered}
	refused := status.Error(codes.Internal, "refused")
	replace := common(set("x-a", "set"), newBody("replaced"))
	replace.Status = extproc.CommonResponse_CONTINUE_AND_REPLACE
	override := func(m *filterv3.ProcessingMode) *extproc.ProcessingResponse {
		r := answer(requestHeaders, nil)
		r.ModeOverride = m
		return r
	}
	clearBody := &extproc.BodyMutation{Mutation: &extproc.BodyMutation_ClearBody{ClearBody: true}}
	large := strings.Repeat("x", DefaultBufferLimit+100_000)
	list := []play{
		{name: "headers only", mode: Mode{RequestHeaders: true, ResponseHeaders: true}, script: deviate("never")},
		{name: "buffered, unchanged", mode: buffered, script: deviate("never")},
		{name: "buffered, same length", mode: buffered, script: upper(false)},
		{name: "buffered, length set", mode: requests, script: deviate("request-body", answer(requestBody, common(set("content-length", "3"), newBody("new"))))},
		{name: "buffered, length left wrong", mode: requests, script: deviate("request-body", answer(requestBody, common(nil, newBody("new"))))},
		{name: "buffered, length removed", mode: requests, script: deviate("request-body", answer(requestBody, common(&extproc.HeaderMutation{RemoveHeaders: []string{"content-length"}}, newBody("new"))))},
		{name: "buffered, cleared", mode: requests, script: deviate("request-body", answer(requestBody, common(set("content-length", "0"), clearBody)))},
		{name: "buffered without headers", mode: Mode{RequestBody: wire.ModeBuffered}, script: deviate("request-body", answer(requestBody, common(set("x-a", "set"), newBody("new"))))},
		{name: "buffered, too large", mode: requests, script: deviate("never"), body: large, cut: true},
		{name: "streamed", mode: streamed, script: upper(false)},
		{name: "streamed, length set in vain", mode: Mode{RequestHeaders: true, RequestBody: wire.ModeStreamed}, script: deviate("request-headers", answer(requestHeaders, common(set("content-length", "4"), nil)))},
		{name: "full duplex", mode: duplex, script: upper(true)},
		{name: "full duplex, plain reply", mode: duplex, script: deviate("request-body", answer(requestBody, common(nil, newBody("x")))), cut: true},
		{name: "GET buffered", mode: buffered, script: deviate("never"), method: "GET"},
		{name: "GET full duplex", mode: duplex, script: upper(true), method: "GET"},
		{name: "HEAD buffered", mode: buffered, script: deviate("never"), method: "HEAD"},
		{name: "wrong type", mode: buffered, script: deviate("request-headers", answer(requestBody, nil))},
		{name: "streamed for buffered", mode: buffered, script: deviate("request-body", answer(requestBody, common(nil, piece("x", true))))},
		{name: "no response", mode: buffered, script: deviate("request-headers", &extproc.ProcessingResponse{})},
		{name: "value and raw value", mode: requests, script: deviate("request-headers", answer(requestHeaders, common(one("x-a", "v", "raw"), nil)))},
		{name: "value alone", mode: requests, script: deviate("request-headers", answer(requestHeaders, common(one("x-a", "v", ""), nil)))},
		{name: "value not a header value", mode: requests, script: deviate("request-headers", answer(requestHeaders, common(one("x-a", "", "a\nb"), nil)))},
		{name: "name not a header name", mode: requests, script: deviate("request-headers", answer(requestHeaders, common(one("x a", "", "v"), nil)))},
		{name: "forbidden mutations", mode: requests, script: deviate("request-headers", answer(requestHeaders, common(set("host", "evil", ":method", "PUT", "x-envoy-x", "1", "x-a", "set"), nil)))},
		{name: "append", mode: requests, script: deviate("request-headers", answer(requestHeaders, common(set("x-a", "1", "x-a", "2"), nil)))},
		{name: "replace", mode: buffered, script: deviate("request-headers", answer(requestHeaders, replace))},
		{name: "override to none", mode: buffered, script: deviate("request-headers", override(&filterv3.ProcessingMode{}))},
		{name: "override to none, buffered response", mode: buffered, script: deviate("request-headers", override(&filterv3.ProcessingMode{ResponseBodyMode: filterv3.ProcessingMode_BUFFERED}))},
		{name: "override next to full duplex", mode: duplex, script: overriding(upper(true))},
		{name: "timeout", mode: requests, script: deviate("request-headers")},
	}
	for _, at := range []string{"request-headers", "request-body", "response-headers", "response-body"} {
		list = append(list,
			play{name: "immediate at " + at, mode: buffered, script: deviate(at, immediate(422, "no"))},
			play{name: "error at " + at, mode: buffered, script: leave(at, refused), cut: true},
			play{name: "clean close at " + at, mode: buffered, script: leave(at, nil), cut: true},
			play{name: "streamed, clean close at " + at, mode: streamed, script: leave(at, nil), cut: true},
		)
	}
	for _, at := range []string{"request-headers", "request-body", "response-headers"} {
		list = append(list,
			play{name: "full duplex, clean close at " + at, mode: Mode{RequestHeaders: true, RequestBody: wire.ModeFullDuplex, RequestTrailers: true, ResponseHeaders: true}, script: leaveDuplex(at, nil), cut: true},
			play{name: "full duplex, error at " + at, mode: duplex, script: leaveDuplex(at, refused), cut: true},
		)
	}
	list = append(list,
		play{name: "partial", mode: Mode{RequestHeaders: true, RequestBody: wire.ModeBufferedPartial}, script: upper(false)},
		play{name: "only the response", mode: Mode{ResponseHeaders: true, ResponseBody: wire.ModeBuffered}, script: upper(false)},
		play{name: "only the response body", mode: Mode{ResponseBody: wire.ModeBuffered}, script: upper(false)},
		play{name: "mutations of a streamed body reply", mode: streamed, script: deviate("request-body", answer(requestBody, common(set("x-a", "set"), nil)))},
		play{name: "response too large", mode: Mode{ResponseHeaders: true, ResponseBody: wire.ModeBuffered}, script: upper(false), body: large, cut: true},
		play{name: "response too large, without headers", mode: Mode{ResponseBody: wire.ModeBuffered}, script: upper(false), body: large, cut: true},
		play{name: "request too large, without headers", mode: Mode{RequestBody: wire.ModeBuffered}, script: upper(false), body: large, cut: true},
		play{name: "request too large, response processed", mode: Mode{RequestBody: wire.ModeBuffered, ResponseHeaders: true}, script: upper(false), body: large, cut: true},
		play{name: "path", mode: requests, script: deviate("request-headers", answer(requestHeaders, common(set(":path", "/other"), nil)))},
		play{name: "whole, length set", mode: duplex, script: whole(), length: true},
		play{name: "whole, length set in vain", mode: duplex, script: whole()},
		play{name: "whole, HEAD", mode: duplex, script: whole(), method: "HEAD", length: true},
		play{name: "whole, GET", mode: duplex, script: whole(), method: "GET", length: true},
		play{name: "whole, refused at the end of the response", mode: duplex, script: refusedWhole(false), length: true},
		play{name: "whole, refused at the end of the request", mode: duplex, script: refusedWhole(true), length: true},
		play{name: "full duplex, length left", mode: duplex, script: upper(true), length: true, early: true},
		play{name: "immediate with status 0", mode: buffered, script: deviate("request-headers", immediate(0, ""))},
	)
	return list
}

// leaveDuplex is leave for FULL_DUPLEX_STREAMED.
func leaveDuplex(at string, err error) script {
	return func(c call) error {
		for {
			m, recvErr := c.Recv()
			if recvErr != nil {
				return recvErr
			}
			if strings.HasPrefix(kind(m), at) {
				return err
			}
			var reply *extproc.CommonResponse
			if b, ok := bodyOf(m); ok {
				reply = common(nil, piece(string(b.Body), b.EndOfStream))
			}
			if err := c.Send(answer(m, reply)); err != nil {
				return err
			}
		}
	}
}

// whole keeps headers and body until the body is complete, and then sends both:
// seven bytes more, and the length of that, which Envoy does not check.
func whole() script {
	return func(c call) error {
		var head *extproc.ProcessingRequest
		text := ""
		for {
			m, err := c.Recv()
			if err != nil {
				return err
			}
			b, body := bodyOf(m)
			switch {
			case !body && !endOfHeaders(m):
				head, text = m, ""
				continue
			case !body:
				err = c.Send(answer(m, nil))
			case !b.EndOfStream:
				text += string(b.Body)
				continue
			default:
				text = "[whole]" + text + string(b.Body)
				if err = c.Send(answer(head, common(set("content-length", strconv.Itoa(len(text))), nil))); err == nil {
					err = c.Send(answer(m, common(nil, piece(text, true))))
				}
			}
			if err != nil {
				return err
			}
		}
	}
}

func endOfHeaders(m *extproc.ProcessingRequest) bool {
	return m.GetRequestHeaders().GetEndOfStream() || m.GetResponseHeaders().GetEndOfStream()
}

// refusedWhole is whole, but refuses one direction when it is complete.
func refusedWhole(request bool) script {
	return func(c call) error { return whole()(refuser{c, request}) }
}

type refuser struct {
	call
	request bool
}

func (r refuser) Send(m *extproc.ProcessingResponse) error {
	if r.request && m.GetRequestHeaders() != nil || m.GetResponseHeaders() != nil {
		return r.call.Send(immediate(422, "no"))
	}
	return r.call.Send(m)
}

// one sets one header, in whatever form.
func one(key, value, raw string) *extproc.HeaderMutation {
	return &extproc.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{{
		Header: &corev3.HeaderValue{Key: key, Value: value, RawValue: []byte(raw)},
	}}}
}

// overriding asks for an override in every header reply of s.
func overriding(s script) script {
	return func(c call) error { return s(overrider{c}) }
}

type overrider struct{ call }

func (o overrider) Send(r *extproc.ProcessingResponse) error {
	if r.GetRequestHeaders() != nil {
		r.ModeOverride = &filterv3.ProcessingMode{RequestBodyMode: filterv3.ProcessingMode_BUFFERED}
	}
	return o.call.Send(r)
}

// A stage is a processor that knows every script by name, and notes what it is
// sent.
type stage struct {
	extproc.UnimplementedExternalProcessorServer
	scripts map[string]script
	mu      sync.Mutex
	rigs    map[string]*rig
}

func (s *stage) Process(c call) error {
	m, _ := metadata.FromIncomingContext(c.Context())
	name := strings.Join(m.Get("play"), "")
	s.mu.Lock()
	r := s.rigs[name]
	if r == nil {
		r = new(rig)
		s.rigs[name] = r
	}
	s.mu.Unlock()
	return s.scripts[name](recorder{c, r})
}

func (s *stage) messages(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rigs[name]; r != nil {
		return r.messages()
	}
	return ""
}

// all returns the messages that the processor was sent: where the client has
// its answer before the processor has the end of the body, once that is there.
func (p play) all(messages func() string) string {
	got := messages()
	for until := time.Now().Add(10 * time.Second); p.early && !strings.HasSuffix(got, ".") && time.Now().Before(until); got = messages() {
		runtime.Gosched()
	}
	return got
}

// TestLikeEnvoy stages every play before both. What the client gets, what the
// upstream saw and what the processor was sent have to be the same.
func TestLikeEnvoy(t *testing.T) {
	list := plays()
	s := &stage{scripts: make(map[string]script), rigs: make(map[string]*rig)}
	for _, p := range list {
		s.scripts[p.name] = p.script
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(1 << 30))
	extproc.RegisterExternalProcessorServer(server, s)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	up := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(up.Close)
	urls := startEnvoy(t, path, parse(t, up.URL).Host, list)
	for i, p := range list {
		t.Run(p.name, func(t *testing.T) {
			want := p.perform(t, urls[i])
			want += "\nmessages: " + p.all(func() string { return s.messages(p.name) })
			r := newRig(t, Config{Mode: p.mode, MessageTimeout: stagedTimeout, AllowModeOverride: true, AllowContentLength: p.length}, p.script, nil)
			got := p.perform(t, r.url) + "\nmessages: " + p.all(r.messages)
			if p.cut {
				got, _, _ = strings.Cut(got, "\n")
				want, _, _ = strings.Cut(want, "\n")
			}
			if got != want {
				t.Errorf("here:\n%.1000s\nEnvoy:\n%.1000s", got, want)
			}
		})
	}
}

// stagedTimeout is long enough for a slow machine and short enough for the play
// that waits for it.
const stagedTimeout = time.Second

// perform returns what the client got. The text of an error is each proxy's
// own.
func (p play) perform(t *testing.T, url string) string {
	t.Helper()
	method, text := p.method, p.body
	if method == "" {
		method = "POST"
		if text == "" {
			text = "body"
		}
	}
	var body io.Reader
	if text != "" {
		body = strings.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return "reset"
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return fmt.Sprint(response.StatusCode, " and reset")
	case response.StatusCode >= 500 || response.StatusCode == 413:
		got = nil
	}
	return fmt.Sprintf("%d %q length %d, upstream saw x-a %q length %q", response.StatusCode, got, response.ContentLength,
		response.Header.Values("Seen-X-A"), response.Header.Get("Seen-Length"))
}
