package serve

import (
	"log/slog"
	"testing"
)

// Without a collector by name, and where they are switched off, no request
// spans are made.
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
