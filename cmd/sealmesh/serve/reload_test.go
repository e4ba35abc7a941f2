package serve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/keyuse/keyusetest"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

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

// A format that is not read any more may pass.
func TestUnprotectedFormat(t *testing.T) {
	f := formats.Table()[0]
	was := &policy.Plan{Checked: map[*codec.Format]any{f: nil}}
	is := &policy.Plan{Unread: map[*codec.Format]error{f: io.EOF}}
	if got := lostGuards("a request ", was, is); !slices.Equal(got, []string{"a request format " + f.Name}) {
		t.Errorf("%q", got)
	}
	if got := lostGuards("a request ", is, is); got != nil {
		t.Errorf("a format that was not read: %q", got)
	}
}

// A reload asks nothing of the KEKs of keys that are the same, whatever becomes
// of the others; those get new data keys, and the old ones live until their
// last exchange has ended. A build that fails leaves nothing behind.
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
	first := r.current
	changing, steady := callsOf(first, "changing"), callsOf(first, "steady")
	if changing == 0 || steady == 0 {
		t.Fatal("the keys are not verified at the start")
	}

	write("one", "kek", "another comment")
	must(t, r.reload(t.Context()))
	if n, m := callsOf(r.current, "changing")-changing, callsOf(r.current, "steady")-steady; n+m != 0 || first.holders.Load() != 0 {
		t.Errorf("the same keys: %d and %d calls more, %d shares", n, m, first.holders.Load())
	}

	second := r.current
	write("one", "absent", "")
	if err := r.reload(t.Context()); cli.Exit(io.Discard, err) != cli.ExitKey {
		t.Errorf("a KEK that is not there: %v", err)
	}
	if r.current != second || second.holders.Load() != 1 {
		t.Errorf("after a failure: %d shares", second.holders.Load())
	}

	_, _, drop := r.hold() // an exchange in flight
	write("two", "kek", "")
	must(t, r.reload(t.Context()))
	if n := callsOf(r.current, "steady") - steady; n != 0 {
		t.Errorf("another key has changed: %d calls", n)
	}
	if n := callsOf(r.current, "changing"); n == 0 {
		t.Error("a key that has changed is not verified")
	}
	if n := entriesOf(second, "changing"); n == 0 {
		t.Error("the old key was closed under an exchange")
	}
	kept := entriesOf(r.current, "steady")
	drop()
	if n := entriesOf(second, "changing"); second.holders.Load() != 0 || n != 0 {
		t.Errorf("the old key holds %d data keys, and its generation has %d shares", n, second.holders.Load())
	}
	if n := entriesOf(r.current, "steady"); n != kept || n == 0 {
		t.Errorf("the key that is kept holds %d data keys, want %d", n, kept)
	}
}

// A flush reaches the keys of a policy that only an exchange in flight still
// uses.
func TestFlushReachesReplacedKeys(t *testing.T) {
	file := cmdtest.OneKey(t, "local:kek", "")
	r := newReloader(t, file, slog.New(slog.DiscardHandler))
	old, _, drop := r.hold() // an exchange in flight
	defer drop()
	must(t, r.reopen(t.Context(), []string{"main"}))
	if old == r.current || entriesOf(old, "main") == 0 || entriesOf(r.current, "main") == 0 {
		t.Fatal("the key is not renewed")
	}
	w := ask(t, r, "POST", "/keys/flush?key=main")
	if w.Code != http.StatusNoContent {
		t.Fatal(w.Code, w.Body)
	}
	if n, m := entriesOf(old, "main"), entriesOf(r.current, "main"); n+m != 0 {
		t.Errorf("data keys after a flush: %d of the exchange in flight, %d in place", n, m)
	}
}

func statsOf(k *generation, name string) keycache.KeyStats {
	for _, s := range k.cache.Stats() {
		if s.Key == name {
			return s
		}
	}
	return keycache.KeyStats{}
}

func entriesOf(k *generation, name string) int { return statsOf(k, name).Entries }

// callsOf is how often the KEKs of a key have been asked.
func callsOf(k *generation, name string) (n uint64) {
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
	p, now, err := cli.LoadPolicy(file)
	must(t, err)
	rt, accept, err := r.build(t.Context(), p)
	must(t, err)
	accept()
	r.server, r.digest = proxy.NewServer(rt, r.metrics, log, nil), now
	t.Cleanup(func() {
		r.server.Close()
		if n := r.current.holders.Load(); n != 0 {
			t.Errorf("%d shares of the keys at the end", n)
		}
		must(t, recorder.Close(context.Background()))
	})
	return r
}

// A good file whose KMS is unavailable is tried again; a bad file is not.
func TestReloadTriesAgain(t *testing.T) {
	k := cmdtest.NewKMS(t)
	cmdtest.SetAWSEnv(t)
	file := cmdtest.OneKey(t, "local:kek", "")
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
	looks(debounce, 0, 0)
	must(t, k.Proxy.Disable())
	must(t, os.WriteFile(file, []byte(strings.Replace(string(good), "local:kek", k.URI, 1)), 0o600))
	looks(debounce, retryAfter, retryAfter)
	must(t, k.Proxy.Enable())
	looks(0, 0)
	if r.failed.Load() || !strings.HasPrefix(r.current.cache.Keys()[0].KEKs[0].URI, "awskms:") {
		t.Error("the policy is not in force")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
