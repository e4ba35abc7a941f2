package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/keyuse/keyusetest"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
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

// What was bad and is put right again counts as right, though nothing had to change.
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

// A folder in which something is written all the time, such as a log, does not put a reload off.
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
			case <-time.After(settle / 10):
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

// POST /reload says what is wrong. What takes a restart is refused by name, and the
// policy in force stays.
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
		{"listen", replace("ext_proc.sock", "other.sock"), http.StatusUnprocessableEntity, "a change of listen takes a restart"},
		{"admin and audit", replace("admin.sock", "a.sock\naudit: best_effort"), http.StatusUnprocessableEntity, "a change of admin, audit takes a restart"},
		{"streams", replace("buffered_bytes: 1MiB", "streams: 3"), http.StatusUnprocessableEntity, "a change of limits.streams takes a restart"},
		{"longer bodies", replace("buffered_bytes: 1MiB", "buffered_bytes: 64MiB"), http.StatusUnprocessableEntity, "a change of limits.buffered_bytes takes a restart"},
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

func TestUnprotected(t *testing.T) {
	const head = "version: 1\nkeys: {k: {kek: \"local:kek\"}}\ntags: {p: {key: k}, q: {key: k}}\n"
	const was = head + "routes:\n  - {name: a, match: {path: /a}, request: {seal: {$.x: p, $.y: p}}}\n  - {name: s, match: {path: /s}, skip: true}\n"
	load := func(text string) *policy.Policy {
		p, err := policy.Load("p", []byte(text), os.LookupEnv, os.ReadFile)
		must(t, err)
		return p
	}
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"nothing":     {"", "", nil},
		"another tag": {"$.x: p", "$.x: q", nil},
		"a rule":      {"$.x: p, ", "", []string{"a request seal $.x"}},
		"a direction": {"request:", "response:", []string{"a request seal $.x", "a request seal $.y"}},
		"opens":       {"seal:", "open:", []string{"a request seal $.x", "a request seal $.y"}},
		"skipped":     {"request: {seal: {$.x: p, $.y: p}}", "skip: true", []string{"a request seal $.x", "a request seal $.y"}},
		"renamed":     {"name: a", "name: b", []string{"route a"}},
		"matches":     {"{path: /a}", "{path: /a, methods: [POST]}", []string{"route a: it matches other requests"}},
		"unmatched":   {"routes:", "unmatched: pass\nroutes:", []string{"requests without a route are no longer refused"}},
		"envelopes":   {"$.y: p}}", "$.y: p}, envelopes: data}", []string{"a request envelopes"}},
		"patches":     {"$.y: p}}", "$.y: p}, patch: data}", []string{"a request patch"}},
		"a guard":     {"$.y: p}}", "$.y: p}, root: object, require_match: true}", nil},
		"a skip":      {"name: s", "name: t", nil},
	} {
		if got := unprotected(load(was), load(strings.Replace(was, c.old, c.new, 1))); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A reload asks nothing of the KEKs of keys that are the same, whatever becomes of the
// others; those get new data keys, and the old ones live until their last exchange has
// ended. A build that fails leaves nothing behind.
func TestReloadKeys(t *testing.T) {
	dir := t.TempDir()
	must(t, local.Create(filepath.Join(dir, "kek")))
	file := filepath.Join(dir, "policy.yaml")
	write := func(service, kek, comment string) {
		must(t, os.WriteFile(file, []byte(fmt.Sprintf(`version: 1
keys:
  changing: {kek: "local:%s", context: {service: %s}}
  steady: {kek: "local:kek"}
tags: {p: {key: changing}, q: {key: steady}}
routes: [{name: r, match: {path: /r}, request: {seal: {$.x: p, $.y: q}}}] # %s
`, kek, service, comment)), 0o600))
	}
	write("one", "kek", "")
	r := newReloader(t, file, slog.New(slog.DiscardHandler))
	first := r.keys
	changing, steady := callsOf(first, "changing"), callsOf(first, "steady")
	if changing == 0 || steady == 0 {
		t.Fatal("the keys are not proven at the start")
	}

	write("one", "kek", "another comment")
	must(t, r.reload(t.Context()))
	if n, m := callsOf(r.keys, "changing")-changing, callsOf(r.keys, "steady")-steady; n+m != 0 || first.shares.Load() != 0 {
		t.Errorf("the same keys: %d and %d calls more, %d shares", n, m, first.shares.Load())
	}

	second := r.keys
	write("one", "absent", "")
	if err := r.reload(t.Context()); codeOf(err) != exitKey {
		t.Errorf("a KEK that is not there: %v", err)
	}
	if r.keys != second || second.shares.Load() != 1 {
		t.Errorf("after a failure: %d shares", second.shares.Load())
	}

	_, _, drop := r.hold() // an exchange in flight
	write("two", "kek", "")
	must(t, r.reload(t.Context()))
	if n := callsOf(r.keys, "steady") - steady; n != 0 {
		t.Errorf("another key has changed: %d calls", n)
	}
	if n := callsOf(r.keys, "changing"); n == 0 {
		t.Error("a key that has changed is not proven")
	}
	if n := entriesOf(second, "changing"); n == 0 {
		t.Error("the old key was closed under an exchange")
	}
	kept := entriesOf(r.keys, "steady")
	drop()
	if n := entriesOf(second, "changing"); second.shares.Load() != 0 || n != 0 {
		t.Errorf("the old key holds %d data keys, and its generation has %d shares", n, second.shares.Load())
	}
	if n := entriesOf(r.keys, "steady"); n != kept || n == 0 {
		t.Errorf("the key that is kept holds %d data keys, want %d", n, kept)
	}
}

// A flush reaches the keys of a policy that only an exchange in flight still uses.
func TestFlushReachesReplacedKeys(t *testing.T) {
	file := requiring(t, "local:kek", "")
	must(t, local.Create(filepath.Join(filepath.Dir(file), "kek")))
	r := newReloader(t, file, slog.New(slog.DiscardHandler))
	old, _, drop := r.hold() // an exchange in flight
	defer drop()
	must(t, r.renew(t.Context(), []string{"main"}))
	if old == r.keys || entriesOf(old, "main") == 0 || entriesOf(r.keys, "main") == 0 {
		t.Fatal("the key is not renewed")
	}
	w := httptest.NewRecorder()
	(&admin{reload: r, recorder: r.recorder}).handler(t.Context()).ServeHTTP(w, httptest.NewRequest("POST", "/keys/flush?key=main", nil))
	if w.Code != http.StatusNoContent {
		t.Fatal(w.Code, w.Body)
	}
	if n, m := entriesOf(old, "main"), entriesOf(r.keys, "main"); n+m != 0 {
		t.Errorf("data keys after a flush: %d of the exchange in flight, %d in place", n, m)
	}
}

func statsOf(k *keys, name string) keycache.KeyStats {
	for _, s := range k.cache.Stats().Keys {
		if s.Key == name {
			return s
		}
	}
	return keycache.KeyStats{}
}

func entriesOf(k *keys, name string) int { return statsOf(k, name).Entries }

// callsOf is how often the KEKs of a key have been asked.
func callsOf(k *keys, name string) (n uint64) {
	for _, c := range statsOf(k, name).Calls {
		for v := range maps.Values(c.Results) {
			n += v
		}
	}
	return n
}

// newReloader is a reloader with the policy of file in place, in this process.
func newReloader(t *testing.T, file string, log *slog.Logger) *reloader {
	t.Helper()
	recorder, err := keyuse.Open(keyuse.Options{Required: true, Getenv: keyusetest.Start(t).Getenv, Log: log})
	must(t, err)
	r := &reloader{config: file, log: log, recorder: recorder, metrics: new(proxy.Metrics)}
	p, now, err := loadPolicy(file)
	must(t, err)
	rt, err := r.build(t.Context(), p)
	must(t, err)
	r.server, r.sum = proxy.NewServer(rt, r.metrics, log, nil), now
	t.Cleanup(func() {
		r.server.Close()
		if n := r.keys.shares.Load(); n != 0 {
			t.Errorf("%d shares of the keys at the end", n)
		}
		must(t, recorder.Close(context.Background()))
	})
	return r
}

// A good file whose KMS is away is tried again; a bad one is not.
func TestReloadTriesAgain(t *testing.T) {
	k := newRoughKMS(t)
	setenv(t, awsEnv)
	file := requiring(t, "local:kek", "")
	must(t, local.Create(filepath.Join(filepath.Dir(file), "kek")))
	r := newReloader(t, file, slog.New(slog.DiscardHandler))
	v := view{tried: r.inForce()}
	looks := func(want ...time.Duration) {
		t.Helper()
		for i, w := range want {
			if got := r.look(t.Context(), &v); got != w {
				t.Fatalf("look %d: again in %v, want %v (failed: %t)", i, got, w, r.failed.Load())
			}
		}
	}
	looks(0)
	good, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, []byte("version: 1\n"), 0o600))
	looks(settle, 0, 0)
	must(t, k.proxy.Disable())
	must(t, os.WriteFile(file, []byte(strings.Replace(string(good), "local:kek", k.uri, 1)), 0o600))
	looks(settle, again, again)
	must(t, k.proxy.Enable())
	looks(0, 0)
	if r.failed.Load() || !strings.HasPrefix(r.keys.cache.Keys()[0].KEKs[0].URI, "awskms:") {
		t.Error("the policy is not in force")
	}
}

func setenv(t *testing.T, pairs []string) {
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}
