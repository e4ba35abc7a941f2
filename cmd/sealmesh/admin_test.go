package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// Metrics are what Prometheus wants them to be: each has a help text, a type
// and a name with its unit, and their number does not grow with traffic.
func TestMetrics(t *testing.T) {
	s := newStack(t, stackOptions{})
	series := func() int {
		t.Helper()
		text, err := s.admin("/metrics")
		must(t, err)
		n := 0
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "sealmesh_") {
				n++
			}
		}
		return n
	}
	traffic := func(n int) {
		for i := range n {
			s.do(http.MethodPost, fmt.Sprintf("/buffered/%d", i), `{"secret":1}`, "x-request-id", fmt.Sprint(i))
			s.do(http.MethodPost, fmt.Sprintf("/open-request/%d", i), `{"secret":1}`)
			s.do(http.MethodPost, fmt.Sprintf("/nowhere/%d", i), `{}`)
			s.do(fmt.Sprintf("M%d", i), "/seal/x", `{"secret":`)
		}
	}
	traffic(3)
	before := series()
	traffic(10)
	if after := series(); after != before {
		t.Errorf("%d series became %d", before, after)
	}
	text, err := s.admin("/metrics")
	must(t, err)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	must(t, err)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// A flush takes effect at once, is logged, and refuses a key that there is none
// of.
func TestFlush(t *testing.T) {
	s := newStack(t, stackOptions{})
	sealed := s.sealed(t, `{"secret":"`+canary+`"}`)
	unwraps := func() string {
		text, err := s.admin("/metrics")
		must(t, err)
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, `sealmesh_kms_requests_total{key="main",operation="unwrap",provider="local",result="ok"}`) {
				return line
			}
		}
		return ""
	}
	opens := func() {
		t.Helper()
		if got := s.do(http.MethodPost, "/open/x", sealed); !strings.Contains(got.body, canary) {
			t.Fatalf("%v %d %s", got.err, got.status, got.body)
		}
	}
	opens()
	before := unwraps()
	if opens(); unwraps() != before {
		t.Fatal("the KMS is asked without need")
	}
	if status, body := s.post("/keys/flush?key=man"); status != http.StatusNotFound || !strings.Contains(body, "GET /keys lists the keys") {
		t.Errorf("an unknown key: %d %s", status, body)
	}
	if status, _ := s.post("/keys/flush?key="); status != http.StatusNotFound {
		t.Errorf("an empty name: %d", status)
	}
	if opens(); unwraps() != before {
		t.Error("a flush that was refused took effect")
	}
	if status, body := s.post("/keys/flush?key=main"); status != http.StatusNoContent {
		t.Errorf("%d %s", status, body)
	}
	if opens(); unwraps() == before {
		t.Error("the flush had no effect")
	}
	s.logged(`"msg":"data keys flushed","key":"main"`, 1)
	if status, _ := s.post("/keys/flush"); status != http.StatusNoContent {
		t.Errorf("all keys: %d", status)
	}
}

// Methods are kept apart, pages of other origins may not post, and a client
// that says nothing keeps nobody waiting.
func TestAdminMethods(t *testing.T) {
	s := serveAlone(t, testPolicy, stackOptions{})
	hung, err := net.Dial("unix", filepath.Join(s.dir, "admin.sock"))
	must(t, err)
	defer hung.Close()
	_, err = hung.Write([]byte("POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"))
	must(t, err)
	for _, path := range []string{"/reload", "/keys/flush"} {
		if got, err := s.admin(path); err == nil || !strings.Contains(err.Error(), "405") {
			t.Errorf("GET %s: %v %s", path, err, got)
		}
		if status, _ := s.post(path, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
			t.Errorf("POST %s from another origin: %d", path, status)
		}
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/config", "/keys"} {
		if status, _ := s.post(path); status != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, status)
		}
	}
	if status, _ := s.post("/nowhere"); status != http.StatusNotFound {
		t.Error("what is not there is there")
	}
}

// The admin socket is its user's alone, and the log says which process changed
// what.
func TestAdminPeer(t *testing.T) {
	s := serveAlone(t, testPolicy, stackOptions{})
	socket := filepath.Join(s.dir, "admin.sock")
	info, err := os.Stat(socket)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	flush := exec.Command("sealmesh", "admin", "flush", "main", "--address", "unix://"+socket)
	if out, err := flush.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.logged(fmt.Sprintf(`"path":"/keys/flush","status":204,"peer":{"pid":%d,"uid":%d,"gid":%d}`,
		flush.ProcessState.Pid(), os.Getuid(), os.Getgid()), 1)
	if status, _ := s.post("/keys/flush?key=nobody"); status != http.StatusNotFound {
		t.Errorf("status %d", status)
	}
	s.logged(`"path":"/keys/flush","status":404,"peer":{"pid":`, 1)
	out, err := exec.Command("sealmesh", "admin", "flush", "nobody", "--address", "unix://"+socket).CombinedOutput()
	if err == nil || !strings.Contains(string(out), `404 Not Found: no key "nobody"`) {
		t.Errorf("%v: %s", err, out)
	}
	out, err = exec.Command("sealmesh", "admin", "keys", "--address", "unix://"+socket).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"name": "main"`) {
		t.Errorf("%v: %s", err, out)
	}
}

// The metrics address answers what may be read, and nothing else; on TCP the
// admin address answers nobody whom a browser's page or another's DNS name
// sent.
func TestMetricsAndAdminOnTCP(t *testing.T) {
	admin, metrics := envoytest.Addresses(t)
	policy := strings.Replace(testPolicy, "admin: unix://${STACK_DIR}/admin.sock\nmetrics: none", "admin: "+admin+"\nmetrics: "+metrics, 1)
	s := serveAlone(t, policy, stackOptions{ready: "http://" + metrics + "/readyz"})
	s.logged(`every local user can reach \"admin\" and drop data keys`, 1)
	for _, c := range []struct {
		method, url, host string
		header            []string
		status            int
	}{
		{method: "GET", url: metrics + "/metrics", status: 200},
		{method: "HEAD", url: metrics + "/healthz", status: 200},
		{method: "GET", url: metrics + "/readyz", host: "rebound.example", status: 200},
		{method: "POST", url: metrics + "/readyz", status: 405},
		{method: "GET", url: metrics + "/keys", status: 404},
		{method: "GET", url: metrics + "/config", status: 404},
		{method: "POST", url: metrics + "/keys/flush", status: 404},
		{method: "POST", url: metrics + "/reload", status: 404},
		{method: "GET", url: admin + "/metrics", host: "10.1.2.3:9902", status: 200},
		{method: "GET", url: admin + "/keys", status: 200},
		{method: "GET", url: admin + "/keys", host: "localhost:1", status: 200},
		{method: "GET", url: admin + "/keys", host: "[::1]", status: 200},
		{method: "GET", url: admin + "/keys", host: "rebound.example", status: 403},
		{method: "GET", url: admin + "/config", host: "127.0.0.1.rebound.example:9901", status: 403},
		{method: "GET", url: admin + "/keys", header: []string{"Origin", "http://evil.example"}, status: 403},
		{method: "GET", url: admin + "/keys", header: []string{"Origin", "null"}, status: 403},
		{method: "POST", url: admin + "/keys/flush", host: "rebound.example", status: 403},
		{method: "POST", url: admin + "/keys/flush", header: []string{"Origin", "http://evil.example"}, status: 403},
		{method: "POST", url: admin + "/keys/flush", header: []string{"Sec-Fetch-Site", "same-site"}, status: 403},
		{method: "POST", url: admin + "/keys/flush", header: []string{"Origin", "http://" + admin}, status: 204},
		{method: "POST", url: admin + "/keys/flush", status: 204},
	} {
		req, err := http.NewRequest(c.method, "http://"+c.url, nil)
		must(t, err)
		req.Host = c.host
		for i := 0; i < len(c.header); i += 2 {
			req.Header.Set(c.header[i], c.header[i+1])
		}
		resp, err := edge.RoundTrip(req)
		must(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s %s as %q %v: %d, want %d", c.method, c.url, c.host, c.header, resp.StatusCode, c.status)
		}
	}
	s.logged(`"path":"/keys/flush","status":403,"peer":"127.0.0.1:`, 3)
	s.logged(`"path":"/keys/flush","status":204,"peer":"127.0.0.1:`, 2)
}

// A second sealmesh on one host, and a folder that is not there, end the start
// with what to write.
func TestAddressTaken(t *testing.T) {
	admin, metrics := envoytest.Addresses(t)
	policy := strings.Replace(testPolicy, "metrics: none", "metrics: "+metrics, 1)
	s := serveAlone(t, policy, stackOptions{})
	dir := t.TempDir()
	must(t, local.Create(filepath.Join(dir, "kek")))
	for _, c := range []struct{ admin, metrics, want string }{
		{"unix://" + dir + "/a", metrics, "metrics: listen tcp " + metrics + ": bind: address already in use; set another address in the policy (metrics: unix:///path), or none (metrics: none)"},
		{"unix://" + s.dir + "/admin.sock", "none", "another process serves there; set another address in the policy (admin: unix:///path), or none"},
		{"unix:///nowhere/at/all", "none", "does the folder exist, and may this user write to it?); set another address in the policy (admin: "},
		{admin, "unix:///nowhere/at/all", "does the folder exist, and may this user write to it?); set another address in the policy (metrics: "},
	} {
		file := filepath.Join(dir, "policy.yaml")
		text := strings.NewReplacer("unix://${STACK_DIR}/admin.sock", c.admin, "metrics: none", "metrics: "+c.metrics, "${STACK_DIR}", dir).Replace(testPolicy)
		must(t, os.WriteFile(file, []byte(text), 0o600))
		cmd := exec.Command("sealmesh", "serve", "-c", file)
		cmd.Env = append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+s.collector.GRPC(), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc")
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s, %s: %v\n%s", c.admin, c.metrics, err, out)
		}
	}
}

// What came by reference stays a reference: no endpoint and no log line has it.
func TestAdminSecrets(t *testing.T) {
	policy := strings.ReplaceAll(testPolicy, "service: test", "service: test, by: \"${STACK_SECRET}\"")
	s := serveAlone(t, policy, stackOptions{env: []string{"STACK_SECRET=" + canary}})
	for _, path := range []string{"/metrics", "/config", "/keys"} {
		got, err := s.admin(path)
		must(t, err)
		if strings.Contains(got, canary) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if strings.Contains(s.logs.String(), canary) {
		t.Errorf("log: %s", s.logs)
	}
}
