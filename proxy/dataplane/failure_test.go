package dataplane

import (
	"net/http"
	"strings"
	"testing"
	"time"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A reply of the wrong kind, too early or too many ends the exchange.
func TestSpuriousReplies(t *testing.T) {
	duplex := Mode{RequestHeaders: true, RequestBody: wire.ModeFullDuplex, RequestTrailers: true}
	for name, c := range map[string]struct {
		mode    Mode
		at      string
		replies []*extproc.ProcessingResponse
	}{
		"body for headers":       {all(wire.ModeBuffered), "request-headers", []*extproc.ProcessingResponse{answer(requestBody, nil)}},
		"response for request":   {all(wire.ModeBuffered), "request-headers", []*extproc.ProcessingResponse{answer(responseHeaders, nil)}},
		"trailers for body":      {all(wire.ModeBuffered), "request-body", []*extproc.ProcessingResponse{answer(requestTrailers, nil)}},
		"headers twice":          {all(wire.ModeBuffered), "request-headers", []*extproc.ProcessingResponse{answer(requestHeaders, nil), answer(requestHeaders, nil)}},
		"body before it came":    {Mode{RequestHeaders: true, RequestBody: wire.ModeStreamed}, "request-headers", []*extproc.ProcessingResponse{answer(requestHeaders, nil), answer(responseBody, nil)}},
		"streamed for buffered":  {all(wire.ModeBuffered), "request-body", []*extproc.ProcessingResponse{answer(requestBody, common(nil, piece("x", true)))}},
		"streamed for streamed":  {all(wire.ModeStreamed), "request-body", []*extproc.ProcessingResponse{answer(requestBody, common(nil, piece("x", true)))}},
		"body for duplex":        {duplex, "request-body", []*extproc.ProcessingResponse{answer(requestBody, common(nil, newBody("x")))}},
		"nothing for duplex":     {duplex, "request-body", []*extproc.ProcessingResponse{answer(requestBody, nil)}},
		"duplex before headers":  {duplex, "request-headers", []*extproc.ProcessingResponse{answer(requestBody, common(nil, piece("x", false)))}},
		"duplex end before ends": {duplex, "request-headers", []*extproc.ProcessingResponse{answer(requestHeaders, nil), answer(requestBody, common(nil, piece("x", true)))}},
		"duplex trailers":        {duplex, "request-body", []*extproc.ProcessingResponse{answer(requestTrailers, nil)}},
		"no response":            {all(wire.ModeBuffered), "request-headers", []*extproc.ProcessingResponse{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			arrive := make(chan struct{})
			upstream := func(w http.ResponseWriter, r *http.Request) { <-arrive } // nobody answers before the reply
			r := newRig(t, Config{Mode: c.mode}, deviate(c.at, c.replies...), upstream)
			t.Cleanup(func() { close(arrive) })
			request := r.request(t, "POST", "body")
			if strings.Contains(name, "before ends") {
				request.Body = hanging(t) // the end never comes
			}
			response, _, err := r.do(t, request)
			if err != nil || response.StatusCode != 500 {
				t.Fatalf("response %v, error %v", response, err)
			}
			if n := r.Stats.Spurious.Load(); n != 1 {
				t.Errorf("%d spurious replies counted", n)
			}
		})
	}
}

// A reply to a response that has begun cannot become a 500 any more.
func TestSpuriousAfterHeadersResets(t *testing.T) {
	gate := make(chan struct{})
	r := newRig(t, Config{Mode: Mode{ResponseHeaders: true, ResponseBody: wire.ModeStreamed}},
		deviate("response-body", answer(responseTrailers, nil)), late(gate))
	if r.begun(t, gate) == nil {
		t.Error("the response ended well")
	}
}

func TestMessageTimeout(t *testing.T) {
	for _, at := range []string{"request-headers", "request-body", "response-headers", "response-body"} {
		t.Run(at, func(t *testing.T) {
			r := newRig(t, Config{Mode: all(wire.ModeBuffered), MessageTimeout: 30 * time.Millisecond}, deviate(at), nil)
			r.post(t, "body", 504)
			if r.Stats.Timeouts.Load() != 1 {
				t.Error("not counted")
			}
		})
	}
}

// override_message_timeout sets the timer again where allowed.
func TestOverrideMessageTimeout(t *testing.T) {
	soon := &extproc.ProcessingResponse{OverrideMessageTimeout: durationpb.New(time.Millisecond)}
	r := newRig(t, Config{Mode: Mode{RequestHeaders: true}, MessageTimeout: time.Hour, MaxMessageTimeout: time.Second}, deviate("request-headers", soon), nil)
	r.post(t, "body", 504)
	r = newRig(t, Config{Mode: Mode{RequestHeaders: true}, MessageTimeout: time.Hour}, deviate("request-headers", soon, answer(requestHeaders, nil)), nil)
	r.post(t, "body", 200)
}

// An error of the stream is a 500, or a reset once the response has begun.
func TestStreamError(t *testing.T) {
	refused := status.Error(codes.Internal, "refused")
	for _, at := range []string{"request-headers", "request-body", "response-headers"} {
		t.Run(at, func(t *testing.T) {
			r := newRig(t, Config{Mode: all(wire.ModeStreamed)}, leave(at, refused), nil)
			r.post(t, "body", 500)
			if r.Stats.Failed.Load() != 1 {
				t.Error("not counted")
			}
		})
	}
	t.Run("response-body", func(t *testing.T) {
		gate := make(chan struct{})
		r := newRig(t, Config{Mode: all(wire.ModeStreamed)}, leave("response-body", refused), late(gate))
		if r.begun(t, gate) == nil {
			t.Error("the response ended well")
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		r := newRig(t, Config{Mode: all(wire.ModeStreamed)}, leave("", refused), nil)
		p, err := New(Config{Processor: "unix:" + t.TempDir() + "/absent", Upstream: parse(t, r.url), Mode: all(wire.ModeBuffered)})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		w := newRecorder()
		p.ServeHTTP(w, r.request(t, "GET", ""))
		if w.Code != 500 {
			t.Errorf("status %d", w.Code)
		}
	})
}

// A clean close makes Envoy continue without the processor: the bypass that a
// processor must never open. What the data plane passes on in clear it counts.
func TestCleanCloseBypasses(t *testing.T) {
	for _, c := range []struct {
		name, at string
		mode     Mode
		want     string
	}{
		{"buffered, at headers", "request-headers", all(wire.ModeBuffered), "body"},
		{"buffered, at the body", "request-body", all(wire.ModeBuffered), "body"},
		{"buffered, at the response", "response-headers", all(wire.ModeBuffered), "body"},
		{"streamed, at the body", "request-body", all(wire.ModeStreamed), "body"},
		{"duplex, at headers", "request-headers", Mode{RequestHeaders: true, RequestBody: wire.ModeFullDuplex, RequestTrailers: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{Mode: c.mode, Faults: Faults{Chunks: []int{4}}}, leave(c.at, nil), nil)
			_, got := r.post(t, "body", 200)
			if c.want != "" && got != c.want {
				t.Errorf("got %q", got)
			}
			if n := r.Stats.Bypassed.Load(); n != 1 {
				t.Errorf("%d bypasses counted", n)
			}
		})
	}
}

// A clean close after the last reply that is needed passes nothing.
func TestCleanCloseAtTheEnd(t *testing.T) {
	r := newRig(t, Config{Mode: Mode{RequestHeaders: true, RequestBody: wire.ModeBuffered}}, func(s call) error {
		for range 2 {
			m, err := s.Recv()
			if err != nil {
				return err
			}
			if err := s.Send(answer(m, nil)); err != nil {
				return err
			}
		}
		return nil
	}, nil)
	r.post(t, "body", 200)
	if n := r.Stats.Bypassed.Load(); n != 0 {
		t.Errorf("%d bypasses counted", n)
	}
}

func TestImmediateResponse(t *testing.T) {
	for _, at := range []string{"request-headers", "request-body", "response-headers", "response-body"} {
		t.Run(at, func(t *testing.T) {
			r := newRig(t, Config{Mode: all(wire.ModeBuffered)}, deviate(at, immediate(422, "no")), nil)
			response, got := r.post(t, "body", 422)
			if got != "no" || response.Header.Get("X-Why") != "because" || response.Header.Get("Host") != "" {
				t.Errorf("%q with %v", got, response.Header)
			}
		})
	}
	t.Run("after the headers left", func(t *testing.T) {
		gate := make(chan struct{})
		r := newRig(t, Config{Mode: all(wire.ModeStreamed)}, deviate("response-body", immediate(422, "no")), late(gate))
		if r.begun(t, gate) == nil {
			t.Error("the response ended well")
		}
	})
	t.Run("status below 200", func(t *testing.T) {
		r := newRig(t, Config{Mode: all(wire.ModeStreamed)}, deviate("request-headers", immediate(0, "")), nil)
		r.post(t, "body", 200)
	})
	t.Run("grpc", func(t *testing.T) {
		m := immediate(503, "down")
		m.GetImmediateResponse().GrpcStatus = &extproc.GrpcStatus{Status: 14}
		r := newRig(t, Config{Mode: all(wire.ModeBuffered)}, deviate("request-headers", m), nil)
		response, _ := r.post(t, "body", 200)
		if response.Header.Get("Grpc-Status") != "14" || response.Header.Get("Grpc-Message") != "down" {
			t.Errorf("headers %v", response.Header)
		}
	})
}
