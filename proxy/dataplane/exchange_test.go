package dataplane

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

func TestHeaderMutationRules(t *testing.T) {
	raw := func(key, value, rawValue string) *extproc.HeaderMutation {
		return &extproc.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{{
			Header: &corev3.HeaderValue{Key: key, Value: value, RawValue: []byte(rawValue)},
		}}}
	}
	appended := set("x-a", "two")
	appended.SetHeaders[0].Append = wrapperspb.Bool(true)
	for _, c := range []struct {
		name     string
		mutation *extproc.HeaderMutation
		status   int
		rejected int64
		header   string // the upstream's X-A
	}{
		{"overwritten", set("x-a", "two"), 200, 0, "two"},
		{"upper case", set("X-A", "two"), 200, 0, "two"},
		{"appended", appended, 200, 0, "one,two"},
		{"removed", &extproc.HeaderMutation{RemoveHeaders: []string{"x-a"}}, 200, 0, ""},
		{"value alone is ignored", raw("x-a", "two", ""), 200, 0, ""},
		{"value and raw value", raw("x-a", "two", "raw"), 200, 0, "raw"},
		{"line feed", set("x-a", "t\nwo"), 500, 0, ""},
		{"no name", set("", "two"), 500, 0, ""},
		{"path", set(":path", "/other"), 200, 0, "one"},
		{"host", set("host", "evil"), 200, 1, "one"},
		{"method, scheme, authority", set(":method", "GET", ":scheme", "https", ":authority", "evil"), 200, 3, "one"},
		{"envoy's own", set("x-envoy-retry-on", "5xx"), 200, 1, "one"},
		{"pseudo-header removed", &extproc.HeaderMutation{RemoveHeaders: []string{":path", "host"}}, 200, 2, "one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{Mode: Mode{RequestHeaders: true}},
				deviate("request-headers", answer(requestHeaders, common(c.mutation, nil))), nil)
			request := r.request(t, "POST", "body")
			request.Header.Set("X-A", "one")
			response, got, err := r.do(t, request)
			if err != nil || response.StatusCode != c.status {
				t.Fatalf("%v %q, %v", response.StatusCode, got, err)
			}
			if got := strings.Join(response.Header.Values("Seen-X-A"), ","); got != c.header {
				t.Errorf("the upstream saw %q, want %q", got, c.header)
			}
			if got := r.Stats.Rejected.Load(); got != c.rejected {
				t.Errorf("%d rejected, want %d", got, c.rejected)
			}
		})
	}
}

func TestModeOverride(t *testing.T) {
	override := func(m *filterv3.ProcessingMode) *extproc.ProcessingResponse {
		r := answer(requestHeaders, nil)
		r.ModeOverride = m
		return r
	}
	configured := Mode{RequestHeaders: true, ResponseHeaders: true, RequestBody: wire.ModeBuffered, ResponseBody: wire.ModeStreamed}
	for _, c := range []struct {
		name  string
		mode  Mode
		allow bool
		m     *filterv3.ProcessingMode
		seen  string
	}{
		{"not allowed", configured, false, &filterv3.ProcessingMode{}, "request-headers request-body:body. response-headers response-body:body."},
		{"bodies are taken literally", configured, true, &filterv3.ProcessingMode{}, "request-headers response-headers"},
		{"response headers skipped", configured, true, &filterv3.ProcessingMode{
			RequestBodyMode: filterv3.ProcessingMode_BUFFERED, ResponseHeaderMode: filterv3.ProcessingMode_SKIP,
		}, "request-headers request-body:body."},
		{"ignored next to full duplex", Mode{RequestHeaders: true, ResponseHeaders: true, ResponseBody: wire.ModeFullDuplex, ResponseTrailers: true}, true,
			&filterv3.ProcessingMode{RequestBodyMode: filterv3.ProcessingMode_BUFFERED}, "request-headers response-headers response-body:body."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{Mode: c.mode, AllowModeOverride: c.allow}, loop(func(m *extproc.ProcessingRequest) []*extproc.ProcessingResponse {
				switch b, ok := bodyOf(m); {
				case m.GetRequestHeaders() != nil:
					return []*extproc.ProcessingResponse{override(c.m)}
				case ok && c.mode.ResponseBody == wire.ModeFullDuplex:
					return []*extproc.ProcessingResponse{answer(m, common(nil, piece(string(b.Body), b.EndOfStream)))}
				}
				return []*extproc.ProcessingResponse{answer(m, nil)}
			}), nil)
			r.post(t, "body", 200)
			if got := r.messages(); got != c.seen {
				t.Errorf("messages %s, want %s", got, c.seen)
			}
		})
	}
}

func TestTrailers(t *testing.T) {
	upstream := func(w http.ResponseWriter, r *http.Request) {
		echo(w, r)
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
	}
	for name, mode := range map[string]wire.BodyMode{
		"none": wire.ModeNone, "buffered": wire.ModeBuffered, "streamed": wire.ModeStreamed, "duplex": wire.ModeFullDuplex,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{Mode: all(mode)}, loop(func(m *extproc.ProcessingRequest) []*extproc.ProcessingResponse {
				reply := common(nil, nil)
				if kind := kind(m); strings.HasSuffix(kind, "trailers") {
					reply.HeaderMutation = set("x-sum", "2")
				}
				if b, ok := bodyOf(m); ok && mode == wire.ModeFullDuplex {
					reply.BodyMutation = piece(string(b.Body), b.EndOfStream)
				}
				return []*extproc.ProcessingResponse{answer(m, reply)}
			}), upstream)
			request := r.request(t, "POST", "body")
			request.ContentLength = -1
			request.Trailer = http.Header{"X-Sum": {"1"}}
			response, got, err := r.do(t, request)
			if err != nil || got != "body" {
				t.Fatalf("%q, %v", got, err)
			}
			if sum := response.Header.Get("Seen-Trailer-X-Sum"); sum != "2" {
				t.Errorf("the upstream saw trailer %q", sum)
			}
			if sum := response.Trailer.Get("X-Sum"); sum != "2" {
				t.Errorf("the client saw trailer %q", sum)
			}
			want := "request-headers request-body:body request-trailers response-headers response-body:body response-trailers"
			if mode == wire.ModeNone {
				want = "request-headers request-trailers response-headers response-trailers"
			}
			if got := r.messages(); got != want {
				t.Errorf("messages\n got %s\nwant %s", got, want)
			}
		})
	}
}

// A FULL_DUPLEX_STREAMED processor may read everything first, and answer in
// other pieces.
func TestFullDuplexAnswersLate(t *testing.T) {
	mode := Mode{RequestHeaders: true, RequestBody: wire.ModeFullDuplex, RequestTrailers: true}
	r := newRig(t, Config{Mode: mode, Faults: Faults{Chunks: []int{1}}}, func(s call) error {
		var body []byte
		for end := false; !end; {
			m, err := s.Recv()
			if err != nil {
				return err
			}
			if b, ok := bodyOf(m); ok {
				body, end = append(body, b.Body...), b.EndOfStream
			}
		}
		for _, reply := range []*extproc.ProcessingResponse{
			answer(requestHeaders, nil),
			answer(requestBody, common(nil, piece(string(body[:1]), false))),
			answer(requestBody, common(nil, piece(string(body[1:])+"!", false))),
			answer(requestBody, common(nil, piece("", true))),
		} {
			if err := s.Send(reply); err != nil {
				return err
			}
		}
		_, err := s.Recv()
		return err
	}, nil)
	if _, got := r.post(t, "in pieces", 200); got != "in pieces!" {
		t.Errorf("got %q", got)
	}
}

func TestContinueAndReplace(t *testing.T) {
	reply := common(set("x-a", "set"), newBody("replaced"))
	reply.Status = extproc.CommonResponse_CONTINUE_AND_REPLACE
	r := newRig(t, Config{Mode: all(wire.ModeBuffered)}, deviate("request-headers", answer(requestHeaders, reply)), nil)
	response, got := r.post(t, "body", 200)
	if got != "replaced" || response.Header.Get("Seen-X-A") != "set" || response.Header.Get("Seen-Length") != "" {
		t.Errorf("%q with %v", got, response.Header)
	}
	if want := "request-headers response-headers response-body:replaced."; r.messages() != want {
		t.Errorf("messages %s", r.messages())
	}
}

func TestSendBodyWithoutWaiting(t *testing.T) {
	c := Config{Mode: Mode{RequestHeaders: true, RequestBody: wire.ModeStreamed}, SendBodyWithoutWaiting: true}
	r := newRig(t, c, func(s call) error {
		var got []*extproc.ProcessingRequest
		for end := false; !end; { // the whole body comes before any reply
			m, err := s.Recv()
			if err != nil {
				return err
			}
			b, ok := bodyOf(m)
			end = ok && b.EndOfStream
			got = append(got, m)
		}
		for _, m := range got {
			if err := s.Send(answer(m, nil)); err != nil {
				return err
			}
		}
		_, err := s.Recv()
		return err
	}, nil)
	if _, got := r.post(t, "body", 200); got != "body" {
		t.Errorf("got %q", got)
	}
}

// The first message of a stream carries protocol_config, the first of each
// direction the attributes.
func TestAttributesAndProtocolConfig(t *testing.T) {
	c := Config{
		Mode: all(wire.ModeBuffered), RouteName: "route",
		RequestAttributes: []string{
			"request.path", "request.method", "request.host", "xds.route_name", "request.headers['x-a']",
			"request.headers['absent']", "'x-a' in request.headers", "unknown",
		},
		ResponseAttributes: []string{"response.code", "response.headers['content-type']"},
	}
	r := newRig(t, c, deviate("never"), nil)
	request := r.request(t, "POST", "body")
	request.Header.Set("X-A", "1")
	if _, _, err := r.do(t, request); err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, m := range r.raw {
		if (m.ProtocolConfig != nil) != (i == 0) {
			t.Errorf("message %d has protocol_config %v", i, m.ProtocolConfig)
		}
		if m.Attributes != nil {
			got = append(got, fmt.Sprint(kind(m), m.Attributes[attributeNamespace].AsMap()))
		}
	}
	want := []string{
		"request-headers" + fmt.Sprint(map[string]any{
			"request.path": "/path?q=1", "request.method": "POST", "request.host": request.URL.Host, "xds.route_name": "route",
			"request.headers['x-a']": "1", "'x-a' in request.headers": true,
		}),
		"response-headers" + fmt.Sprint(map[string]any{"response.code": 200}),
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

// Answers made on the way, by an earlier filter or because the upstream is
// gone, are processed like any response.
func TestLocalReplies(t *testing.T) {
	mode := Mode{RequestHeaders: true, RequestBody: wire.ModeBuffered, ResponseHeaders: true, ResponseBody: wire.ModeStreamed}
	t.Run("before ext_proc", func(t *testing.T) {
		r := newRig(t, Config{Mode: mode, Faults: Faults{LocalReply: 403}}, upper(false), nil)
		if _, got := r.post(t, "body", 403); got != "FORBIDDEN" {
			t.Errorf("got %q", got)
		}
		if want := "response-headers response-body:Forbidden."; r.messages() != want {
			t.Errorf("messages %s", r.messages())
		}
	})
	t.Run("upstream gone", func(t *testing.T) {
		r := newRig(t, Config{Mode: mode}, deviate("never"), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		r.post(t, "body", 503)
		if want := "request-headers request-body:body. response-headers response-body:upstream connect error"; !strings.HasPrefix(r.messages(), want) {
			t.Errorf("messages %s", r.messages())
		}
	})
}

// An upgrade passes once the processor has seen the headers.
func TestUpgrade(t *testing.T) {
	upstream := func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		io.Copy(conn, buffered)
	}
	r := newRig(t, Config{Mode: Mode{RequestHeaders: true, ResponseHeaders: true}}, deviate("never"), upstream)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != 101 {
		t.Fatalf("%v, %v", response, err)
	}
	io.WriteString(conn, "ping\n")
	if line, err := reader.ReadString('\n'); line != "ping\n" {
		t.Errorf("%q, %v", line, err)
	}
	if want := "request-headers response-headers"; r.messages() != want { // no end_of_stream
		t.Errorf("messages %s", r.messages())
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	up := parse(t, "http://upstream")
	for name, c := range map[string]Config{
		"duplex request without trailers":  {Upstream: up, Mode: Mode{RequestBody: wire.ModeFullDuplex}},
		"duplex response without trailers": {Upstream: up, Mode: Mode{ResponseBody: wire.ModeFullDuplex}},
		"grpc":                             {Upstream: up, Mode: Mode{RequestBody: wire.ModeGRPC}},
		"no such mode":                     {Upstream: up, Mode: Mode{ResponseBody: -1}},
		"no upstream":                      {},
	} {
		if p, err := New(c); err == nil {
			p.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

// Many chunks under way in both directions do not lock anybody up.
func TestLargeBodies(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<19) // 8 MiB
	for name, mode := range map[string]wire.BodyMode{"duplex": wire.ModeFullDuplex, "streamed": wire.ModeStreamed} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{Mode: all(mode), Faults: Faults{Chunks: []int{62000, 1, 5000}}}, upper(mode == wire.ModeFullDuplex), nil)
			if _, got := r.post(t, string(body), 200); got != strings.ToUpper(string(body)) {
				t.Errorf("%d bytes came back, of %d", len(got), len(body))
			}
		})
	}
}
