package xds_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/proxy/envoytest"
	"github.com/sealmesh/sealmesh/proxy/xds"
)

// A plane is a server with a socket, which can go away and come back.
type plane struct {
	t      *testing.T
	socket string
	server *xds.Server
	rpc    *grpc.Server
	rs     []xds.Resource // the last that were set
}

func newPlane(t *testing.T) *plane {
	t.Helper()
	dir, err := os.MkdirTemp("", "xds") // a socket's path must be short
	ok(t, err)
	p := &plane{t: t, socket: filepath.Join(dir, "s")}
	p.start()
	t.Cleanup(func() {
		p.rpc.Stop()
		_ = os.RemoveAll(dir)
	})
	return p
}

// start serves what was set last, as a new process does.
func (p *plane) start() {
	p.t.Helper()
	_ = os.Remove(p.socket)
	l, err := net.Listen("unix", p.socket)
	ok(p.t, err)
	p.server = xds.New(slog.New(slog.DiscardHandler))
	if p.rs != nil {
		_ = p.server.Set(p.t.Context(), p.rs)
	}
	p.rpc = grpc.NewServer(xds.ServerOptions()...)
	p.server.Register(p.rpc)
	rpc := p.rpc
	go func() { _ = rpc.Serve(l) }()
}

func (p *plane) stop() {
	p.rpc.Stop()
	_ = os.Remove(p.socket)
}

// An envoy is an Envoy that has its configuration from a plane.
type envoy struct {
	t      *testing.T
	listen string // host:port that the plane's listener should have
	admin  string
	config string
	log    string
	cmd    *exec.Cmd
	gone   chan struct{}
}

// backOff makes Envoy look for its plane twice a second; its own default is up
// to 30 seconds.
const backOff = "retry_policy: {retry_back_off: {base_interval: 0.25s, max_interval: 0.5s}}"

const bootstrapText = `node: {id: sealmesh, cluster: sealmesh}
admin: {address: {socket_address: {address: %[1]s, port_value: %[2]s}}}
dynamic_resources:
  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    grpc_services: [{envoy_grpc: {cluster_name: xds, %[4]s}}]
  lds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s}
  cds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s}
static_resources:
  clusters:
    - name: xds
      connect_timeout: 1s
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {http2_protocol_options: {}}
      load_assignment:
        cluster_name: xds
        endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: %[3]s}}}}]}]
`

func newEnvoy(t *testing.T, p *plane, retry string, workers int) *envoy {
	t.Helper()
	path, dir := envoytest.Path(t), t.TempDir()
	e := &envoy{t: t, config: filepath.Join(dir, "envoy.yaml"), log: filepath.Join(dir, "log")}
	e.listen, e.admin = envoytest.Addresses(t)
	host, port, err := net.SplitHostPort(e.admin)
	ok(t, err)
	ok(t, os.WriteFile(e.config, fmt.Appendf(nil, bootstrapText, host, port, p.socket, retry), 0o600))
	e.start(path, workers)
	t.Cleanup(func() {
		e.kill()
		if t.Failed() {
			b, _ := os.ReadFile(e.log)
			t.Logf("envoy:\n%s", b)
		}
	})
	return e
}

func (e *envoy) start(path string, workers int) {
	e.t.Helper()
	log, err := os.OpenFile(e.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ok(e.t, err)
	defer log.Close()
	e.cmd = exec.Command(path, "-c", e.config, "--concurrency", fmt.Sprint(workers), "--disable-hot-restart", "--log-level", "warning")
	e.cmd.Stdout, e.cmd.Stderr = log, log
	ok(e.t, e.cmd.Start())
	cmd, gone := e.cmd, make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	e.gone = gone
}

func (e *envoy) kill() {
	_ = e.cmd.Process.Kill()
	<-e.gone
}

// stat returns the value of one of Envoy's stats, "" if it has none.
func (e *envoy) stat(name string) string {
	resp, err := http.Get("http://" + e.admin + "/stats?filter=^" + name + "$")
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	_, value, _ := strings.Cut(strings.TrimSpace(string(b)), ": ")
	return value
}

// listens reports whether Envoy accepts connections.
func (e *envoy) listens() bool {
	c, err := net.Dial("tcp", e.listen)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// until waits for something that another process does.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatal(what)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
