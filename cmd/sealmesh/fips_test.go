package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// The binary with the validated module serves fips: required, through Envoy,
// seals by suite 2 and says so; with the module off, it does not start, and a
// reload does not turn it on.
func TestFIPSBinary(t *testing.T) {
	envoytest.Path(t) // before the build
	binary := filepath.Join(t.TempDir(), "sealmesh")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOFIPS140=v1.0.0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	policy := strings.Replace(testPolicy, "version: 1\n", "version: 1\nfips: required\n", 1)
	s := newStack(t, stackOptions{policy: policy, binary: binary, env: []string{"GODEBUG=fips140=on"}})
	body := `{"secret":"` + canary + `"}`
	if got := s.do(http.MethodPost, "/buffered/x", body); got.body != body || !strings.Contains(s.upstream.last(t).body, `"sm1.Ag`) {
		t.Errorf("%v %d %s; the upstream got %s", got.err, got.status, got.body, s.upstream.last(t).body)
	}
	// An envelope of suite 1: what it holds does not matter, since it is not
	// looked at.
	old := `{"secret":"sm1.AQ` + s.upstream.last(t).body[len(`{"secret":"sm1.Ag`):]
	if got := s.do(http.MethodPost, "/open-request/x", old); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "suite_not_approved") {
		t.Errorf("%v %d %s", got.err, got.status, got.body)
	}
	ready, err := s.admin("/readyz")
	if err != nil || !strings.Contains(ready, "fips: required; FIPS 140-3 mode of this process: on, module v1.0.0\n") {
		t.Errorf("%v %s", err, ready)
	}
	s.wait("key uses", func() error {
		for _, span := range s.collector.Spans() {
			if span.Attrs["sealmesh.suite"] == "hkdf-aes-256-gcm" && span.Resource["sealmesh.fips"] == "required" && span.Resource["sealmesh.fips.module"] == "on, module v1.0.0" {
				return nil
			}
		}
		return os.ErrNotExist
	})
	must(t, os.WriteFile(s.policy+".off", []byte(testPolicy), 0o600))
	must(t, os.Rename(s.policy+".off", s.policy))
	if status, text := s.post("/reload"); status != http.StatusUnprocessableEntity || !strings.Contains(text, "a change of fips needs a restart") {
		t.Errorf("%d %s", status, text)
	}
	must(t, os.WriteFile(s.policy, []byte(policy), 0o600))

	off := exec.Command(binary, "serve", "-c", s.policy)
	off.Env = append(os.Environ(), "STACK_DIR="+t.TempDir(), "GODEBUG=fips140=off", "OTEL_TRACES_EXPORTER=console")
	if out, err := off.CombinedOutput(); err == nil || !strings.Contains(string(out), "the Go FIPS 140-3 module is not active") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err := exec.Command(binary, "version").Output()
	if err != nil || !strings.Contains(string(out), "FIPS 140-3 mode on, module v1.0.0") {
		t.Errorf("%v %s", err, out)
	}
}
