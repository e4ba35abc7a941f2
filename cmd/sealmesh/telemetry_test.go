package main

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/keycache/keyuse/keyusetest"
)

const (
	sampled   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled = "00-1bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// Request and provider spans are made where the caller samples, in its trace; key uses always.
func TestRequestSpans(t *testing.T) {
	k := newRoughKMS(t)
	s := k.stack(t)
	sealed := s.sealed(t, `{"secret":1}`)
	for _, parent := range []string{sampled, unsampled} {
		if status, _ := s.post("/keys/flush"); status != http.StatusNoContent {
			t.Fatal("flush")
		}
		if got := s.do(http.MethodPost, "/open/x", sealed, "traceparent", parent, "x-forwarded-for", "6.6.6.6"); got.status != http.StatusOK {
			t.Fatalf("%v %d %s", got.err, got.status, got.body)
		}
	}
	s.wait("spans", func() error {
		have := map[string]int{}
		for _, span := range s.collector.Spans() {
			have[traceOf(span)+" "+span.Name]++
			if c := span.Attrs["sealmesh.caller"]; span.Name == "sealmesh.key_use" && c != nil && c != "127.0.0.1" {
				t.Fatalf("the caller is %v", c)
			} else if span.Name == "sealmesh.key_use" && c != nil {
				have[traceOf(span)+" called"]++
			}
		}
		for _, want := range []string{
			id(sampled) + " sealmesh.exchange", id(sampled) + " sealmesh.key_use", id(sampled) + " KMS.Decrypt", id(unsampled) + " sealmesh.key_use",
			id(sampled) + " called", id(unsampled) + " called",
		} {
			if have[want] == 0 {
				return errors.New("no " + want)
			}
		}
		if have[id(unsampled)+" sealmesh.exchange"] > 0 {
			t.Fatal("a request span that the caller did not sample")
		}
		return nil
	})
}

func id(traceparent string) string { return strings.Split(traceparent, "-")[1] }

func traceOf(s keyusetest.Span) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for _, c := range s.TraceId {
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// Without a collector by name, and where they are switched off, no request spans are made.
func TestTracing(t *testing.T) {
	variables := []string{"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}
	const collector = "http://127.0.0.1:4317"
	for _, c := range []struct {
		name string
		env  [4]string
		want bool
	}{
		{"nothing set", [4]string{}, false},
		{"endpoint", [4]string{"", "", collector, ""}, true},
		{"endpoint of traces", [4]string{"", "", "", collector}, true},
		{"exporter", [4]string{"", "console", "", ""}, true},
		{"none", [4]string{"", "none", collector, ""}, false},
		{"disabled", [4]string{"TRUE", "", collector, ""}, false},
	} {
		for i, name := range variables {
			t.Setenv(name, c.env[i])
		}
		tracer, stop, err := newTracer(t.Context(), slog.New(slog.DiscardHandler))
		must(t, err)
		must(t, stop(t.Context()))
		if got := tracer != nil; got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
