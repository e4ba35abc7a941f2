package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A good file takes effect, however it arrives; a bad one changes nothing, says
// so, and the exchanges continue.
func TestReload(t *testing.T) {
	s := newStack(t, stackOptions{})
	const tenant = `{"tenant": "` + canary + `"}`
	sealsTenant := func(want bool) error {
		got := s.do(http.MethodPost, "/seal/x", tenant)
		if sealed := strings.Contains(s.upstream.last(t).body, "sm1."); got.status != http.StatusOK || sealed != want {
			return fmt.Errorf("status %d, sealed %t", got.status, sealed)
		}
		return nil
	}
	more := strings.Replace(testPolicy, "path: /seal/**}\n    request:  {seal: {$..secret: pii}}", "path: /seal/**}\n    request:  {seal: {$..secret: pii, $.tenant: pii}}", 1)
	steps := []struct {
		name   string
		change func()
		seals  bool
		metric string
	}{
		{"as it began", func() {}, false, "sealmesh_config_last_reload_successful 1"},
		{"written", func() { must(t, os.WriteFile(s.policy, []byte(more), 0o600)) }, true, "sealmesh_config_last_reload_successful 1"},
		{"bad", func() { must(t, os.WriteFile(s.policy, []byte(more+"oops: 1\n"), 0o600)) }, true, "sealmesh_config_last_reload_successful 0"},
		{"renamed into place", func() {
			must(t, os.WriteFile(s.policy+".new", []byte(testPolicy), 0o600))
			must(t, os.Rename(s.policy+".new", s.policy))
		}, false, "sealmesh_config_last_reload_successful 1"},
		{"linked, as a ConfigMap is", func() {
			must(t, os.Mkdir(filepath.Join(s.dir, "v2"), 0o700))
			must(t, os.WriteFile(filepath.Join(s.dir, "v2", "policy.yaml"), []byte(more), 0o600))
			must(t, os.Symlink(filepath.Join("v2", "policy.yaml"), s.policy+".link"))
			must(t, os.Rename(s.policy+".link", s.policy))
		}, true, "sealmesh_config_last_reload_successful 1"},
	}
	for _, step := range steps {
		step.change()
		s.wait(step.name, func() error {
			text, err := s.admin("/metrics")
			if err == nil && !strings.Contains(text, step.metric+"\n") {
				err = errors.New("not yet: " + step.metric)
			}
			if err != nil {
				return err
			}
			return sealsTenant(step.seals)
		})
	}
	if !strings.Contains(s.logs.String(), `unknown key \"oops\"`) {
		t.Error("the log does not name the problem")
	}
	text, err := s.admin("/metrics")
	must(t, err)
	if want := `sealmesh_kms_requests_total{key="main",operation="generate",provider="local",result="ok"} 1`; !strings.Contains(text, want) {
		t.Errorf("keys that did not change were made again: %s", text)
	}
}

func TestReloadBySignal(t *testing.T) {
	s := newStack(t, stackOptions{})
	must(t, s.sealmesh.Process.Signal(syscall.SIGHUP))
	if got := s.do(http.MethodPost, "/buffered/x", `{"secret":1}`); got.status != http.StatusOK {
		t.Errorf("status %d", got.status)
	}
}

// An exchange under way ends under the policy that it began with.
func TestReloadInABody(t *testing.T) {
	s := newStack(t, stackOptions{})
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, `{"secret": "`)
		s.wait("exchange", s.inFlight)
		less := strings.ReplaceAll(testPolicy, "{$..secret: pii}", "{$..other: pii}")
		less = strings.ReplaceAll(less, "service: test", "service: changed")
		must(t, os.WriteFile(s.policy, []byte(less), 0o600))
		s.wait("reload", func() error {
			if !strings.Contains(s.logs.String(), `"msg":"reloaded"`) {
				return errors.New("not reloaded")
			}
			return nil
		})
		_, _ = io.WriteString(w, canary+`"}`)
		_ = w.Close()
	}()
	got := s.send(s.request(http.MethodPost, "/streamed/x", r))
	if got.err != nil || got.status != http.StatusOK || strings.Contains(s.upstream.everything(), canary) {
		t.Errorf("%v, status %d; the upstream saw %s", got.err, got.status, s.upstream.everything())
	}
}

// SIGTERM: not ready at once, the exchange in flight ends, then exit 0.
func TestDrain(t *testing.T) {
	s := newStack(t, stackOptions{})
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, `{"secret": "`)
		s.drain()
		_, _ = io.WriteString(w, canary+`"}`)
		_ = w.Close()
	}()
	got := s.send(s.request(http.MethodPost, "/streamed/x", r))
	if got.err != nil || got.status != http.StatusOK || strings.Contains(s.upstream.everything(), canary) {
		t.Errorf("%v, status %d %s", got.err, got.status, got.body)
	}
	<-s.gone
	if code := s.sealmesh.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	// What was recorded has been sent: one use of either direction, and those of
	// the start.
	uses := map[string]int{}
	for _, span := range s.collector.Spans() {
		if span.Name == "sealmesh.key_use" && span.Attrs["sealmesh.route"] == "streamed" {
			uses[fmt.Sprintf("%v %v %x", span.Attrs["sealmesh.direction"], span.Attrs["sealmesh.operation"], span.SpanId)]++
		}
	}
	if len(uses) != 2 {
		t.Errorf("key uses of the exchange: %v", uses)
	}
}

// A collector that stalls loses nothing; when all is full, exchanges are
// refused until it is back, and each that passed has its record.
func TestAuditRequired(t *testing.T) {
	const keys, wordy = 8, 100 // long names make long spans, so that all is full soon
	var policy, seal strings.Builder
	fmt.Fprintf(&policy, "version: 1\nlisten: unix://${STACK_DIR}/ext_proc.sock\nadmin: unix://${STACK_DIR}/admin.sock\nmetrics: none\n"+
		"audit: {spool: {dir: %s, bytes: 1MiB}}\nkeys:\n", t.TempDir())
	tags := "tags:\n"
	for i := range keys {
		fmt.Fprintf(&policy, "  key%d: {kek: \"local:kek\"}\n", i)
		for j := range 5 {
			name := fmt.Sprintf("tag-%d-%d-%s", i, j, strings.Repeat("x", wordy))
			tags += fmt.Sprintf("  %s: {key: key%d}\n", name, i)
			fmt.Fprintf(&seal, "$.f%d%d: %s, ", i, j, name)
		}
	}
	fmt.Fprintf(&policy, "%sroutes:\n  - name: %s\n    match: {path: /r}\n    request: {seal: {%s}}\n", tags, strings.Repeat("r", wordy), strings.TrimSuffix(seal.String(), ", "))
	var body strings.Builder
	for i := range keys {
		for j := range 5 {
			fmt.Fprintf(&body, `"f%d%d":1,`, i, j)
		}
	}
	text := "{" + strings.TrimSuffix(body.String(), ",") + "}"
	s := newStack(t, stackOptions{policy: policy.String()})
	s.collector.Stall()
	passed := 0
	for ; passed < 20_000; passed++ {
		got := s.do(http.MethodPost, "/r", text)
		if got.status == http.StatusServiceUnavailable && strings.Contains(got.body, "audit_unavailable") {
			break
		}
		if got.status != http.StatusOK {
			t.Fatalf("%v, status %d %s", got.err, got.status, got.body)
		}
	}
	if passed == 20_000 {
		t.Fatal("never refused")
	}
	s.collector.Resume()
	s.wait("recovery", func() error {
		if got := s.do(http.MethodPost, "/r", text); got.status != http.StatusOK {
			return errors.New(got.body)
		}
		return nil
	})
	must(t, s.sealmesh.Process.Signal(syscall.SIGTERM))
	<-s.gone
	uses := map[string]bool{} // by span id: a batch whose acknowledgement was lost comes twice
	for _, span := range s.collector.Spans() {
		if span.Attrs["sealmesh.direction"] == "request" && span.Attrs["sealmesh.outcome"] == "ok" {
			uses[string(span.SpanId)] = true
		}
	}
	if n := keys * s.upstream.count(); len(uses) < n {
		t.Errorf("%d key uses reached the upstream, %d were recorded", n, len(uses))
	}
	t.Logf("%d exchanges until all was full", passed)
}

// Envoy shares the group of sealmesh, which may connect.
func TestSocket(t *testing.T) {
	s := newStack(t, stackOptions{})
	info, err := os.Stat(filepath.Join(s.dir, "ext_proc.sock"))
	must(t, err)
	if info.Mode().Perm() != 0o660 || info.Mode()&fs.ModeSocket == 0 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestAdmin(t *testing.T) {
	s := newStack(t, stackOptions{})
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ready", "/config": `"name": "seal-only"`, "/keys": `"name": "main"`,
	} {
		if got, err := s.admin(path); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v, %s", path, err, got)
		}
	}
}
