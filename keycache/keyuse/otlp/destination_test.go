package otlp

import (
	"maps"
	"strings"
	"testing"
	"time"
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

func TestDestination(t *testing.T) {
	for _, c := range []struct {
		env    string
		kind   kind
		target string
		tls    bool
	}{
		{"", toGRPC, "localhost:4317", false},
		{"PROTOCOL=grpc", toGRPC, "localhost:4317", false},
		{"PROTOCOL=http/protobuf", toHTTP, "http://localhost:4318/v1/traces", false},
		{"PROTOCOL=grpc TRACES_PROTOCOL=http/protobuf", toHTTP, "http://localhost:4318/v1/traces", false},
		{"ENDPOINT=https://collector:4317", toGRPC, "collector:4317", true},
		{"ENDPOINT=http://collector:4317/ignored", toGRPC, "collector:4317", false},
		{"ENDPOINT=http://a:1 TRACES_ENDPOINT=https://b:2", toGRPC, "b:2", true},
		{"ENDPOINT=collector:4317", toGRPC, "collector:4317", true},
		{"ENDPOINT=collector:4317 INSECURE=true", toGRPC, "collector:4317", false},
		{"ENDPOINT=collector:4317 INSECURE=true TRACES_INSECURE=false", toGRPC, "collector:4317", true},
		{"ENDPOINT=https://collector:4317 INSECURE=true", toGRPC, "collector:4317", true},
		{"ENDPOINT=unix:///run/otlp.sock", toGRPC, "unix:///run/otlp.sock", false},
		{"ENDPOINT=http://c:4318 PROTOCOL=http/protobuf", toHTTP, "http://c:4318/v1/traces", false},
		{"ENDPOINT=https://c/base/ PROTOCOL=http/protobuf", toHTTP, "https://c/base/v1/traces", true},
		{"TRACES_ENDPOINT=https://c/exact PROTOCOL=http/protobuf", toHTTP, "https://c/exact", true},
		{"TRACES_ENDPOINT=http://c PROTOCOL=http/protobuf", toHTTP, "http://c/", false},
		{"OTEL_TRACES_EXPORTER=otlp", toGRPC, "localhost:4317", false},
		{"OTEL_TRACES_EXPORTER=console ENDPOINT=nonsense", toConsole, "", false},
		{"OTEL_TRACES_EXPORTER=none", toNowhere, "", false},
		{"OTEL_SDK_DISABLED=true OTEL_TRACES_SAMPLER=always_off", toGRPC, "localhost:4317", false},
	} {
		d, err := FromEnvironment(from(c.env), nil)
		if err != nil || d.kind != c.kind || d.target != c.target || (d.tls != nil) != c.tls {
			t.Errorf("%s: %v %q tls=%v, %v", c.env, d.kind, d.target, d.tls != nil, err)
		}
	}
}

func TestDestinationOptions(t *testing.T) {
	d, err := FromEnvironment(from(`TIMEOUT=2500 COMPRESSION=gzip OTEL_BSP_SCHEDULE_DELAY=50
		HEADERS=ignored=1 TRACES_HEADERS=api-key=a%20b,x-tenant=7
		OTEL_RESOURCE_ATTRIBUTES=service.name=shop,deployment.environment.name=prod%2C1 OTEL_SERVICE_NAME=orders`),
		map[string]string{"service.name": "x", "service.version": "1.2"})
	if err != nil {
		t.Fatal(err)
	}
	if d.timeout != 2500*time.Millisecond || !d.gzip || d.Delay != 50*time.Millisecond {
		t.Errorf("%+v", d)
	}
	if want := map[string]string{"api-key": "a b", "x-tenant": "7"}; !maps.Equal(d.headers, want) {
		t.Errorf("headers %v, want %v", d.headers, want)
	}
	want := map[string]string{"service.name": "orders", "service.version": "1.2", "deployment.environment.name": "prod,1"}
	if !maps.Equal(d.Resource, want) {
		t.Errorf("resource %v, want %v", d.Resource, want)
	}
	d, err = FromEnvironment(from(""), nil)
	if err != nil || d.timeout != defaultTimeout || d.Delay != defaultDelay || d.gzip || d.Resource["service.name"] != "sealmesh" {
		t.Errorf("defaults %+v, %v", d, err)
	}
}

// TestDestinationRefuses holds that what cannot be meant is refused at start,
// with the name of the variable, and without what may be a secret.
func TestDestinationRefuses(t *testing.T) {
	for _, c := range []struct{ env, want string }{
		{"PROTOCOL=http/json", "OTEL_EXPORTER_OTLP_PROTOCOL is \"http/json\": want grpc or http/protobuf"},
		{"TRACES_PROTOCOL=GRPC", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"},
		{"ENDPOINT=ftp://x", "OTEL_EXPORTER_OTLP_ENDPOINT is \"ftp\""},
		{"ENDPOINT=http://", "OTEL_EXPORTER_OTLP_ENDPOINT: want a URL"},
		{"ENDPOINT=http://u:hunter2@%zz", "OTEL_EXPORTER_OTLP_ENDPOINT: want a URL"},
		{"ENDPOINT=collector:4318 PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT"},
		{"ENDPOINT=unix:///s PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT is \"unix\""},
		{"ENDPOINT=c:1 INSECURE=perhaps", "OTEL_EXPORTER_OTLP_INSECURE"},
		{"TIMEOUT=10s", "OTEL_EXPORTER_OTLP_TIMEOUT"},
		{"TIMEOUT=0", "OTEL_EXPORTER_OTLP_TIMEOUT"},
		{"OTEL_BSP_SCHEDULE_DELAY=-1", "OTEL_BSP_SCHEDULE_DELAY"},
		{"COMPRESSION=zstd", "OTEL_EXPORTER_OTLP_COMPRESSION"},
		{"HEADERS=hunter2", "OTEL_EXPORTER_OTLP_HEADERS"},
		{"HEADERS=key=hunter2%zz", "OTEL_EXPORTER_OTLP_HEADERS"},
		{"HEADERS=key=hunter2%0A", "OTEL_EXPORTER_OTLP_HEADERS"},
		{"HEADERS=k;y=hunter2", "OTEL_EXPORTER_OTLP_HEADERS"},
		{"HEADERS=key=hunter2%C3%A9", "OTEL_EXPORTER_OTLP_HEADERS"},
		{"HEADERS=k!y=hunter2", "OTEL_EXPORTER_OTLP_HEADERS"},
		{"OTEL_RESOURCE_ATTRIBUTES=a", "OTEL_RESOURCE_ATTRIBUTES"},
		{"OTEL_RESOURCE_ATTRIBUTES=team=%FF", "resource attribute \"team\""},
		{"OTEL_RESOURCE_ATTRIBUTES=\xff=team", "OTEL_RESOURCE_ATTRIBUTES"},
		{"OTEL_SERVICE_NAME=\xff", "OTEL_SERVICE_NAME"},
		{"OTEL_TRACES_EXPORTER=zipkin", "OTEL_TRACES_EXPORTER is \"zipkin\": want otlp, console or none"},
		{"ENDPOINT=https://c CERTIFICATE=/does/not/exist", "OTEL_EXPORTER_OTLP_CERTIFICATE"},
		{"ENDPOINT=https://c CERTIFICATE=/dev/null", "no certificate"},
		{"ENDPOINT=https://c CLIENT_KEY=/a", "set both or none"},
		{"ENDPOINT=https://c CLIENT_KEY=/a CLIENT_CERTIFICATE=/b", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"},
	} {
		_, err := FromEnvironment(from(c.env), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", c.env, err, c.want)
		}
	}
	_, err := FromEnvironment(from("TIMEOUT=x COMPRESSION=y"), nil)
	if err == nil || !strings.Contains(err.Error(), "TIMEOUT") || !strings.Contains(err.Error(), "COMPRESSION") {
		t.Errorf("not all problems at once: %v", err)
	}
}
