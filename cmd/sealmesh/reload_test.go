package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// post posts to the admin endpoint, and returns status and body.
func (s *stack) post(path string, header ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://admin"+path, nil)
	must(s.t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return s.ask(req)
}

// logged waits until text has been logged n times.
func (s *stack) logged(text string, n int) {
	s.t.Helper()
	s.wait(text, func() error {
		if got := strings.Count(s.logs.String(), text); got < n {
			return fmt.Errorf("logged %d times, not %d", got, n)
		}
		return nil
	})
}

func (s *stack) write(text string) {
	s.t.Helper()
	must(s.t, os.WriteFile(s.policy+".new", []byte(text), 0o600))
	must(s.t, os.Rename(s.policy+".new", s.policy))
}

// A ConfigMap is a folder of links through ..data, which is swapped.
func TestReloadConfigMap(t *testing.T) {
	s := serveAlone(t, testPolicy, stackOptions{})
	version := func(name, text string) {
		must(t, os.Mkdir(filepath.Join(s.dir, name), 0o700))
		must(t, os.WriteFile(filepath.Join(s.dir, name, "policy.yaml"), []byte(text), 0o600))
		must(t, os.Symlink(name, filepath.Join(s.dir, "..new")))
		must(t, os.Rename(filepath.Join(s.dir, "..new"), filepath.Join(s.dir, "..data")))
	}
	version("..1", testPolicy)
	must(t, os.Symlink(filepath.Join("..data", "policy.yaml"), s.policy+".link"))
	must(t, os.Rename(s.policy+".link", s.policy))
	version("..2", testPolicy+"# two\n")
	s.logged(`"msg":"reloaded"`, 1)
	version("..3", testPolicy+"# three\n")
	s.logged(`"msg":"reloaded"`, 2)
}

// What was bad and is put right again counts as right, though nothing had to
// change.
func TestReloadRestored(t *testing.T) {
	s := serveAlone(t, testPolicy, stackOptions{})
	metric := func(want string) {
		t.Helper()
		s.wait(want, func() error {
			text, err := s.admin("/metrics")
			if err == nil && !strings.Contains(text, "sealmesh_config_last_reload_successful "+want+"\n") {
				err = errors.New("not yet")
			}
			return err
		})
	}
	s.write("version: 1\n")
	metric("0")
	s.write(testPolicy)
	metric("1")
}

// A file that the policy names is part of it.
func TestReloadNamedFile(t *testing.T) {
	s := serveAlone(t, testPolicy, stackOptions{})
	must(t, os.WriteFile(filepath.Join(s.dir, "service"), []byte("one"), 0o600))
	s.write(strings.ReplaceAll(testPolicy, "service: test", `service: "${file:service}"`))
	s.logged(`"msg":"reloaded"`, 1)
	must(t, os.WriteFile(filepath.Join(s.dir, "service"), []byte("two"), 0o600))
	s.logged(`"msg":"reloaded"`, 2)
}

// A folder in which something is written all the time, such as a log, does not
// put a reload off.
func TestReloadNoise(t *testing.T) {
	s := serveAlone(t, testPolicy, stackOptions{})
	quiet := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quiet:
				return
			case <-time.After(20 * time.Millisecond):
				_ = os.WriteFile(filepath.Join(s.dir, "log"), []byte("."), 0o600)
			}
		}
	}()
	s.write(testPolicy + "# more\n")
	s.logged(`"msg":"reloaded"`, 1)
	s.write("version: 1\n")
	s.logged(`"msg":"reload refused`, 1)
	close(quiet)
	<-done
	if n := strings.Count(s.logs.String(), `"msg":"reload refused`); n != 1 {
		t.Errorf("one bad file was refused %d times", n)
	}
}

// POST /reload says what is wrong. What needs a restart is refused by name, and
// the policy in force stays.
func TestReloadPost(t *testing.T) {
	s := serveAlone(t, testPolicy, stackOptions{})
	base, err := os.ReadFile(s.policy)
	must(t, err)
	replace := func(old, new string) string { return strings.Replace(string(base), old, new, 1) }
	for _, c := range []struct {
		name, text string
		status     int
		want       string
	}{
		{"same", string(base), http.StatusNoContent, ""},
		{"no policy", "version: 1\noops: 2\n", http.StatusUnprocessableEntity, `unknown key "oops"`},
		{"listen", replace("ext_proc.sock", "other.sock"), http.StatusUnprocessableEntity, "a change of listen needs a restart"},
		{"admin and audit", replace("admin.sock", "a.sock\naudit: best_effort"), http.StatusUnprocessableEntity, "a change of admin, audit needs a restart"},
		{"streams", replace("buffered_bytes: 1MiB", "streams: 3"), http.StatusUnprocessableEntity, "a change of limits.streams needs a restart"},
		{"longer bodies", replace("buffered_bytes: 1MiB", "buffered_bytes: 64MiB"), http.StatusUnprocessableEntity, "a change of limits.buffered_bytes needs a restart"},
		{"no KEK", replace("local:kek", "local:absent"), http.StatusUnprocessableEntity, "absent"},
		{"good", string(base) + "# more\n", http.StatusNoContent, ""},
	} {
		s.write(c.text)
		if status, body := s.post("/reload"); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
	}
}

// Removing protection is possible, and said.
func TestReloadUnprotects(t *testing.T) {
	s := serveAlone(t, testPolicy, stackOptions{})
	s.write(strings.Replace(testPolicy, "request:  {seal: {$..secret: pii}}\n    response: {open: {$..secret: pii}}", "request:  {seal: {$.secret: pii}}", 1))
	if status, body := s.post("/reload"); status != http.StatusNoContent {
		t.Fatal(status, body)
	}
	s.logged(`"removed":["buffered request seal $..secret","buffered response open $..secret"]`, 1)
}
