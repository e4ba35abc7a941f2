package deploy

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every key use reaches the archive, and none is acknowledged before; nothing
// else gets there.
func TestCollector(t *testing.T) {
	type switched struct{ Enabled *bool }
	type filter struct {
		ErrorMode       string   `yaml:"error_mode"`
		TraceConditions []string `yaml:"trace_conditions"`
	}
	var c struct {
		Receivers struct {
			OTLP struct {
				Protocols struct{ GRPC, HTTP struct{ Endpoint string } }
			} `yaml:"otlp"`
		}
		Processors struct {
			Memory struct {
				CheckInterval string `yaml:"check_interval"`
				LimitMiB      int    `yaml:"limit_mib"`
			} `yaml:"memory_limiter"`
			Only    filter `yaml:"filter/only_key_uses"`
			No      filter `yaml:"filter/no_key_uses"`
			Sampler struct {
				Percentage float64 `yaml:"sampling_percentage"`
			} `yaml:"probabilistic_sampler"`
			Batch struct{}
		}
		Exporters struct {
			Archive struct {
				Endpoint       string
				SendingQueue   switched `yaml:"sending_queue"`
				RetryOnFailure switched `yaml:"retry_on_failure"`
			} `yaml:"otlp_grpc/archive"`
			Traces struct{ Endpoint string } `yaml:"otlp_grpc/traces"`
		}
		Service struct {
			Pipelines map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	decode(t, read(t, "collector/otelcol.yaml"), &c)
	name := regexp.MustCompile(`"(sealmesh\.key_use)"`).FindStringSubmatch(readAll(t, "../keycache/keyuse"))
	if name == nil {
		t.Fatal("keyuse does not name its spans")
	}
	only, no := c.Processors.Only, c.Processors.No
	if want := []string{`span.name != "` + name[1] + `"`}; !slices.Equal(only.TraceConditions, want) || only.ErrorMode != "ignore" {
		t.Errorf("of key uses it drops %+v", only)
	}
	if want := []string{`span.name == "` + name[1] + `"`}; !slices.Equal(no.TraceConditions, want) || no.ErrorMode != "ignore" {
		t.Errorf("of the rest it drops %+v", no)
	}
	keyUses, rest := c.Service.Pipelines["traces/key_uses"], c.Service.Pipelines["traces/rest"]
	if !slices.Equal(keyUses.Processors, []string{"memory_limiter", "filter/only_key_uses"}) || !slices.Equal(keyUses.Exporters, []string{"otlp_grpc/archive"}) {
		t.Errorf("key uses go through %v to %v", keyUses.Processors, keyUses.Exporters)
	}
	if !slices.Contains(rest.Processors, "filter/no_key_uses") || slices.Contains(rest.Exporters, "otlp_grpc/archive") {
		t.Errorf("the rest goes through %v to %v", rest.Processors, rest.Exporters)
	}
	for _, s := range []switched{c.Exporters.Archive.SendingQueue, c.Exporters.Archive.RetryOnFailure} {
		if s.Enabled == nil || *s.Enabled {
			t.Error("the archive's exporter acknowledges what it holds in memory")
		}
	}
	for _, p := range []struct{ Receivers, Processors, Exporters []string }{keyUses, rest} {
		if !slices.Equal(p.Receivers, []string{"otlp"}) {
			t.Errorf("receivers %v", p.Receivers)
		}
	}
	if !strings.HasSuffix(c.Receivers.OTLP.Protocols.GRPC.Endpoint, ":4317") {
		t.Errorf("it listens on %s", c.Receivers.OTLP.Protocols.GRPC.Endpoint)
	}
}
