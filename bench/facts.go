package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/testbed"
)

// facts describe the run, the machine and the versions.
func (b *bench) facts() []report.Fact {
	kind := "full"
	if b.quick {
		kind = "quick: few rounds, so wide spreads"
	}
	if b.rounds != 1 {
		kind += fmt.Sprintf(", with %g times the rounds", b.rounds)
	}
	return []report.Fact{
		{Name: "run", Value: fmt.Sprintf("%s, %s, took %v, seed %d", b.began.UTC().Format(time.RFC3339), kind, time.Since(b.began).Round(time.Second), b.seed)},
		{Name: "machine", Value: machine()},
		{Name: "load average before the run", Value: b.load + " (what others did at the time: near 0 on a machine of its own)"},
		{Name: "Envoy", Value: testbed.EnvoyVersion(b.testbed.Envoy) + ", --concurrency 1"},
		{Name: "sealmesh", Value: firstLine(b.testbed.Sealmesh, "version")},
		{Name: "Go", Value: runtime.Version()},
		{Name: "modules", Value: modules("google.golang.org/grpc", "google.golang.org/protobuf", "github.com/tink-crypto/tink-go/v2", "go.opentelemetry.io/otel/sdk", "github.com/envoyproxy/go-control-plane/envoy")},
	}
}

func machine() string {
	model, memory, kernel := "unknown processor", "", ""
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
			}
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var n int
		if _, err := fmt.Sscanf(string(b), "MemTotal: %d kB", &n); err == nil {
			memory = fmt.Sprintf(", %d GiB", n>>20)
		}
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		version, _, _ := strings.Cut(strings.TrimSpace(string(b)), "-")
		kernel = ", Linux " + version
	}
	return fmt.Sprintf("%d × %s%s%s, shared by load generator, upstream, Envoy and processor", runtime.NumCPU(), model, memory, kernel)
}

// loadAverage returns the average number of runnable threads of the last
// minute.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	minute, _, _ := strings.Cut(string(b), " ")
	return minute
}

func firstLine(path string, args ...string) string {
	out, err := exec.Command(path, args...).Output()
	if err != nil {
		return "unknown version"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// modules returns the versions of dependencies that this binary was built with.
func modules(paths ...string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	var out []string
	for _, want := range paths {
		for _, d := range info.Deps {
			if d.Path == want {
				out = append(out, strings.TrimPrefix(want, "google.golang.org/")+" "+d.Version)
			}
		}
	}
	return strings.Join(out, ", ")
}
