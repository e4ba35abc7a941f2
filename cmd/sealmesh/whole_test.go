package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

// A body that sealmesh keeps until it is whole may take longer to come than
// Envoy waits for a reply, in either direction.
func TestEnvoyWaitsForAWholeBody(t *testing.T) {
	const timeout = 50 * time.Millisecond
	slowly := func(w io.Writer, body string) {
		half := len(body) / 2
		_, _ = io.WriteString(w, body[:half])
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		time.Sleep(6 * timeout) // Envoy's own clock: there is nothing to wait for
		_, _ = io.WriteString(w, body[half:])
	}
	s := newStack(t, stackOptions{
		mutate: func(b *bootstrapv3.Bootstrap) {
			setFilter(t, b, func(f *procv3.ExternalProcessor) { f.MessageTimeout = durationpb.New(timeout) })
		},
		handler: func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			slowly(w, string(body))
		},
	})
	body := `{"secret":"` + canary + `","pad":"` + strings.Repeat("p", 20_000) + `"}`
	r, w := io.Pipe()
	go func() { slowly(w, body); _ = w.Close() }()
	got := s.send(s.request(http.MethodPost, "/buffered/x", r))
	if got.err != nil || got.status != http.StatusOK || got.body != body {
		t.Fatalf("%v, status %d: %.200s", got.err, got.status, got.body)
	}
	if got.header.Get("Content-Length") != strconv.Itoa(len(body)) {
		t.Errorf("content-length %q for %d bytes", got.header.Get("Content-Length"), len(body))
	}
}

// A sealmesh that hangs is noticed, though Envoy has no timer for its replies.
func TestEnvoyNoticesASealmeshThatHangs(t *testing.T) {
	s := newStack(t, stackOptions{mutate: func(b *bootstrapv3.Bootstrap) {
		for _, packed := range b.StaticResources.Clusters[0].TypedExtensionProtocolOptions {
			var o httpv3.HttpProtocolOptions
			must(t, packed.UnmarshalTo(&o))
			k := o.GetExplicitHttpConfig().GetHttp2ProtocolOptions().GetConnectionKeepalive()
			k.Interval, k.Timeout = durationpb.New(200*time.Millisecond), durationpb.New(200*time.Millisecond)
			must(t, packed.MarshalFrom(&o))
		}
	}})
	body := `{"secret":"` + canary + `"}`
	if got := s.do(http.MethodPost, "/buffered/x", body); got.status != http.StatusOK {
		t.Fatal(got)
	}
	hang(t, s.sealmesh.Process)
	if got := s.do(http.MethodPost, "/buffered/x", body); got.err != nil || got.status < 500 || strings.Contains(s.upstream.everything(), canary) {
		t.Errorf("%v, status %d: %s", got.err, got.status, got.body)
	}
}

// hang stops a process, and waits until it has stopped: the signal alone may
// leave it time for an exchange.
func hang(t *testing.T, p *os.Process) {
	t.Helper()
	must(t, p.Signal(syscall.SIGSTOP))
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
		must(t, err)
		if _, state, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(state, "T") {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Where Envoy is not told to let content-length to sealmesh, as in a configuration of before
// 1.38, such bodies pass without it.
func TestEnvoyWholeWithoutLength(t *testing.T) {
	s := newStack(t, stackOptions{mutate: func(b *bootstrapv3.Bootstrap) {
		setFilter(t, b, func(f *procv3.ExternalProcessor) { f.AllowContentLengthHeader = false })
	}})
	for _, body := range bodies() {
		s.roundTrip(t, "/buffered/x", body, false, false)
	}
}
