package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/bootstrap"
)

const canary = "CANARY-0f3b1e"

// setMode gives every route of b that has a processing mode the body modes
// named.
func setMode(t *testing.T, b *bootstrapv3.Bootstrap, edit func(*procv3.ProcessingMode)) {
	t.Helper()
	filter := b.StaticResources.Listeners[0].FilterChains[0].Filters[0]
	var manager hcmv3.HttpConnectionManager
	must(t, filter.GetTypedConfig().UnmarshalTo(&manager))
	for _, r := range manager.GetRouteConfig().VirtualHosts[0].Routes {
		editRoute(t, r, edit)
	}
	must(t, filter.GetTypedConfig().MarshalFrom(&manager))
}

// setFilter edits the ext_proc filter of b.
func setFilter(t *testing.T, b *bootstrapv3.Bootstrap, edit func(*procv3.ExternalProcessor)) {
	t.Helper()
	if edit == nil {
		return
	}
	packed := b.StaticResources.Listeners[0].FilterChains[0].Filters[0].GetTypedConfig()
	var manager hcmv3.HttpConnectionManager
	must(t, packed.UnmarshalTo(&manager))
	var f procv3.ExternalProcessor
	must(t, manager.HttpFilters[0].GetTypedConfig().UnmarshalTo(&f))
	edit(&f)
	must(t, manager.HttpFilters[0].GetTypedConfig().MarshalFrom(&f))
	must(t, packed.MarshalFrom(&manager))
}

func editRoute(t *testing.T, r *routev3.Route, edit func(*procv3.ProcessingMode)) {
	t.Helper()
	for name, packed := range r.TypedPerFilterConfig {
		if !packed.MessageIs(&procv3.ExtProcPerRoute{}) {
			continue // disabled
		}
		var per procv3.ExtProcPerRoute
		must(t, packed.UnmarshalTo(&per))
		if m := per.GetOverrides().GetProcessingMode(); m != nil {
			edit(m)
			a, err := anypb.New(&per)
			must(t, err)
			r.TypedPerFilterConfig[name] = a
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

// bodies are round-tripped through every mode: what a client sends is what it
// gets back.
func bodies() map[string]string {
	return map[string]string{
		"small":     `{"secret": "` + canary + `", "open": 1.10, "n": null}`,
		"odd":       " {\"secret\" :\t1E+2 ,\"secret\":{\"a\":[true]},\"x\":\"\\u00e9\\/\", \"secret\": \"q\\\"" + canary + "\"} ",
		"none":      `{"open": [1, 2, 3]}`,
		"array":     `[` + strings.Repeat(`{"secret":"`+canary+`","pad":"`+strings.Repeat("x", 900)+`"},`, 299) + `{}]`,
		"one large": `{"secret":"` + canary + strings.Repeat("y", 200_000) + `"}`,
	}
}

func TestEnvoyModes(t *testing.T) {
	modes := []struct {
		name     string
		path     string
		edit     func(*procv3.ProcessingMode)
		filter   func(*procv3.ExternalProcessor)
		option   bootstrap.Options
		buffered bool
	}{
		{name: "whole", path: "/buffered/x", buffered: true},
		{name: "BUFFERED", path: "/buffered/x", option: bootstrap.Options{Buffered: true}, buffered: true},
		{name: "BUFFERED with attributes", path: "/buffered/x", option: bootstrap.Options{Buffered: true}, edit: func(m *procv3.ProcessingMode) {
			m.RequestHeaderMode = procv3.ProcessingMode_SKIP
		}, filter: func(f *procv3.ExternalProcessor) { f.RequestAttributes = proxy.RequestAttributes }},
		{name: "FULL_DUPLEX_STREAMED", path: "/streamed/x"},
		{name: "STREAMED", path: "/buffered/x", edit: func(m *procv3.ProcessingMode) {
			m.RequestBodyMode, m.ResponseBodyMode = procv3.ProcessingMode_STREAMED, procv3.ProcessingMode_STREAMED
		}},
	}
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			opt := stackOptions{bootstrap: mode.option}
			if mode.edit != nil {
				opt.mutate = func(b *bootstrapv3.Bootstrap) {
					setMode(t, b, mode.edit)
					setFilter(t, b, mode.filter)
				}
			}
			s := newStack(t, opt)
			for name, body := range bodies() {
				for _, chunked := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s chunked=%t", name, chunked), func(t *testing.T) {
						s.roundTrip(t, mode.path, body, chunked, mode.buffered)
					})
				}
			}
		})
	}
}

// roundTrip sends body, and checks what the upstream and the client see.
func (s *stack) roundTrip(t *testing.T, path, body string, chunked, buffered bool) {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	if chunked {
		r = struct{ io.Reader }{r} // no length
	}
	got := s.send(s.request(http.MethodPost, path, r))
	if got.err != nil || got.status != http.StatusOK {
		t.Fatalf("status %d, %v: %s", got.status, got.err, got.body)
	}
	if got.body != body {
		t.Errorf("the client got %d bytes, not the %d it sent: %.200s", len(got.body), len(body), got.body)
	}
	up := s.upstream.last(t)
	if strings.Contains(up.body, canary) {
		t.Errorf("the upstream got the value in clear: %.200s", up.body)
	}
	if n, want := strings.Count(up.body, "sm1."), strings.Count(body, "\"secret\""); n != want {
		t.Errorf("the upstream got %d envelopes, not %d", n, want)
	}
	if buffered && !chunked && (up.length != int64(len(up.body)) || got.header.Get("Content-Length") != strconv.Itoa(len(body))) {
		t.Errorf("content-length %d for %d bytes, %q for %d", up.length, len(up.body), got.header.Get("Content-Length"), len(body))
	}
}

// A direction that Envoy does not show is refused before the other one passes:
// no message would ever report its body.
func TestEnvoyHiddenDirection(t *testing.T) {
	s := newStack(t, stackOptions{handler: specials, mutate: func(b *bootstrapv3.Bootstrap) {
		setMode(t, b, func(m *procv3.ProcessingMode) {
			m.RequestHeaderMode, m.ResponseHeaderMode = procv3.ProcessingMode_SEND, procv3.ProcessingMode_SKIP
			m.ResponseBodyMode, m.ResponseTrailerMode = procv3.ProcessingMode_NONE, procv3.ProcessingMode_SKIP
		})
	}})
	for _, path := range []string{"/seal-response/echo", "/buffered/echo", "/streamed/echo"} {
		if got := s.do(http.MethodGet, path, ""); !strings.Contains(got.body, "mode_unsafe") {
			t.Errorf("%s: %v, status %d: %s", path, got.err, got.status, got.body)
		}
	}
}

// A mode that would pass values in clear is refused before any byte leaves.
func TestEnvoyUnsafeModes(t *testing.T) {
	for name, mode := range map[string]procv3.ProcessingMode_BodySendMode{
		"NONE":             procv3.ProcessingMode_NONE,
		"BUFFERED_PARTIAL": procv3.ProcessingMode_BUFFERED_PARTIAL,
		"GRPC":             procv3.ProcessingMode_GRPC,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, stackOptions{mutate: func(b *bootstrapv3.Bootstrap) {
				setMode(t, b, func(m *procv3.ProcessingMode) {
					m.RequestBodyMode = mode
					if mode == procv3.ProcessingMode_GRPC {
						m.RequestTrailerMode = procv3.ProcessingMode_SEND
					}
				})
			}})
			got := s.do(http.MethodPost, "/seal/x", `{"secret":"`+canary+`"}`)
			if got.status != http.StatusInternalServerError || !strings.Contains(got.body, "mode_unsafe") {
				t.Errorf("status %d: %s", got.status, got.body)
			}
			if s.upstream.count() != 0 {
				t.Errorf("reached the upstream: %s", s.upstream.everything())
			}
		})
	}
}
