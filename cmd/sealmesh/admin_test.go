package main

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// Metrics are what Prometheus wants them to be: each has a help text, a type and a name
// with its unit, and their number does not grow with traffic.
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

// A flush takes effect at once, is logged, and refuses a key that there is none of.
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
	if status, body := s.post("/keys/flush?key=man"); status != http.StatusNotFound || !strings.Contains(body, "GET /keys lists them") {
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

// Methods are kept apart, pages of other origins may not post, and a client that says
// nothing keeps nobody waiting.
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
