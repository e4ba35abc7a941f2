package keyuse

import (
	"strings"
	"testing"
)

// from makes an environment of NAME=value lines; exporter options go without
// their prefix.
func from(lines string) func(string) string {
	env := map[string]string{}
	for line := range strings.FieldsSeq(lines) {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, "OTEL_") {
			name = "OTEL_EXPORTER_OTLP_" + name
		}
		env[name] = value
	}
	return func(name string) string { return env[name] }
}

func TestOpenRefuses(t *testing.T) {
	for name, opt := range map[string]Options{
		"no spool":    {Getenv: from("OTEL_TRACES_EXPORTER=none")},
		"small queue": {QueueBytes: MinQueueBytes - 1},
		"small spool": {SpoolDir: t.TempDir(), SpoolBytes: MinSpoolBytes - 1},
		"file as dir": {SpoolDir: "/dev/null/spool", Getenv: from("")},
	} {
		if r, err := Open(opt); err == nil {
			t.Errorf("%s: no error", name)
			_ = r.Close(t.Context())
		}
	}
}
