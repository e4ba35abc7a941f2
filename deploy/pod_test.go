package deploy

import (
	"bufio"
	"debug/elf"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// The containers of the pod, with the binary as the Dockerfile builds it: the
// application gets envelopes, the kubelet and Prometheus get answers through
// Envoy, and nobody gets more.
func TestPod(t *testing.T) {
	envoytest.Path(t)
	bodies := make(chan string, 1)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies <- string(b)
	}))
	t.Cleanup(app.Close)

	dir, err := os.MkdirTemp("", "pod") // the socket's path must be short
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listen, operations := envoytest.Addresses(t)
	envoyAdmin, metricsAddress := envoytest.Addresses(t)
	replace := strings.NewReplacer("/run/sealmesh", dir, "/var/lib/sealmesh", dir, "127.0.0.1:9464", metricsAddress)
	text := replace.Replace(read(t, "policy.yaml"))
	binary := buildAsImage(t, dir)
	env := map[string]string{"SEALMESH_KEK": "local:kek"}
	must(t, os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(text), 0o600))
	run(t, dir, binary, "keys", "new", "--kek", "local:kek")
	run(t, dir, binary, "keys", "new", "--kek", "local:kek", "--context", "service=customers", "--record", "lookup.record")
	serve(t, dir, binary)

	b := podEnvoy(t, load(t, "policy.yaml", text, env))
	moveTo(t, b.StaticResources.Listeners[0].Address, listen)
	moveTo(t, b.StaticResources.Listeners[1].Address, operations)
	for _, c := range b.StaticResources.Clusters {
		at := c.LoadAssignment.Endpoints[0].LbEndpoints[0].GetEndpoint().Address
		switch c.Name {
		case "upstream":
			moveTo(t, at, strings.TrimPrefix(app.URL, "http://"))
		case "sealmesh_metrics":
			moveTo(t, at, metricsAddress)
		}
	}
	b.Admin = &bootstrapv3.Admin{Address: address(t, envoyAdmin)}
	e := envoytest.Start(t, b)

	resp, err := http.Post(e.URL+"/customers", "application/json", strings.NewReader(`{"ssn": "078-05-1120"}`))
	must(t, err)
	_ = resp.Body.Close()
	if got := <-bodies; !strings.Contains(got, "sm1.") || strings.Contains(got, "078") {
		t.Errorf("the application got %s", got)
	}
	kubelet(t, operations)
	scrape(t, "http://"+operations)
}

// kubelet asks as a gRPC probe does.
func kubelet(t *testing.T, at string) {
	conn, err := grpc.NewClient(at, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	got, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || got.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("probe: %v, %v", got, err)
	}
	stream, err := procv3.NewExternalProcessorClient(conn).Process(t.Context())
	must(t, err)
	if _, err := stream.Recv(); status.Code(err) != codes.Unimplemented {
		t.Errorf("the exchange service is open to the network: %v", err)
	}
}

func scrape(t *testing.T, url string) {
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/metrics", 200}, {"POST", "/metrics", 404}, {"GET", "/keys", 404}, {"GET", "/config", 404},
		{"POST", "/keys/flush", 404}, {"POST", "/reload", 404}, {"GET", "/metrics/../keys", 404}, {"GET", "/", 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, url+c.path, nil)
		must(t, err)
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		must(t, err)
		if resp.StatusCode != c.status {
			t.Errorf("%s %s: %d", c.method, c.path, resp.StatusCode)
		}
		if c.status != http.StatusOK {
			continue
		}
		known := metrics(t)
		for _, m := range regexp.MustCompile(`(?m)^# TYPE (sealmesh_\S+) (\S+)`).FindAllStringSubmatch(string(text), -1) {
			if known[m[1]].kind != m[2] {
				t.Errorf("%s is a %s, and metrics.go says %q", m[1], m[2], known[m[1]].kind)
			}
			delete(known, m[1])
		}
		if _, missing := known["sealmesh_exchanges_total"]; missing {
			t.Errorf("no exchanges:\n%s", text)
		}
	}
}

var buildLine = regexp.MustCompile(`RUN CGO_ENABLED=0 (go build .* \./cmd/sealmesh)\n`)

// buildAsImage builds by the Dockerfile's own command, and looks that nothing
// is missing from an image with nothing else in it.
func buildAsImage(t *testing.T, dir string) string {
	t.Helper()
	m := buildLine.FindStringSubmatch(read(t, "container/Dockerfile"))
	if m == nil {
		t.Fatal("Dockerfile: no static build")
	}
	binary := filepath.Join(dir, "sealmesh")
	cmd := exec.Command("sh", "-c", strings.Replace(m[1], "-o /sealmesh", "-o "+binary, 1))
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "VERSION=test")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := elf.Open(binary)
	must(t, err)
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary wants a dynamic linker")
		}
	}
	return binary
}

func run(t *testing.T, dir, binary string, args ...string) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

// serve runs sealmesh until the test ends, and returns when it serves.
func serve(t *testing.T, dir, binary string) {
	t.Helper()
	cmd := exec.Command(binary, "serve", "--config", filepath.Join(dir, "policy.yaml"))
	cmd.Env = []string{"SEALMESH_KEK=local:kek", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"}
	log, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(log)
	var seen []string
	for lines.Scan() {
		seen = append(seen, lines.Text())
		if strings.Contains(lines.Text(), `"msg":"serving"`) {
			break
		}
	}
	drained := make(chan struct{})
	go func() { defer close(drained); _, _ = io.Copy(io.Discard, log) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-drained
		if err := cmd.Wait(); err != nil {
			t.Errorf("sealmesh: %v\n%s", err, strings.Join(seen, "\n"))
		}
	})
}

func moveTo(t *testing.T, a *corev3.Address, hostport string) {
	t.Helper()
	a.Address = address(t, hostport).Address
}

func address(t *testing.T, hostport string) *corev3.Address {
	t.Helper()
	host, port, err := net.SplitHostPort(hostport)
	must(t, err)
	n, err := strconv.ParseUint(port, 10, 16)
	must(t, err)
	var a corev3.Address
	message(t, fmt.Sprintf("{socket_address: {address: %s, port_value: %d}}", host, n), &a)
	return &a
}

// Envoy itself takes the arguments of the container, and merges the two
// configurations.
func TestEnvoyTakesArguments(t *testing.T) {
	envoy := envoytest.Path(t)
	p := load(t, "policy.yaml", read(t, "policy.yaml"), environment)
	b, err := bootstrap.New(p, bootstrap.Options{Listen: "0.0.0.0:10000", Upstream: "127.0.0.1:8080"})
	must(t, err)
	text, err := bootstrap.YAML(b)
	must(t, err)
	config := filepath.Join(t.TempDir(), "envoy.yaml")
	must(t, os.WriteFile(config, text, 0o600))
	args := slices.Clone(workload(t).Spec.Template.Spec.container(t, "envoy").Args)
	args[slices.Index(args, "--config-path")+1] = config
	out, err := exec.Command(envoy, append(args, "--mode", "validate", "--log-level", "info")...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "loading 2 listener(s)") || !strings.Contains(string(out), "loading 3 cluster(s)") {
		t.Errorf("%v\n%s", err, out)
	}
}
