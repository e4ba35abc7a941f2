package attachment

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

const rules = `
version: 1
audit: best_effort
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - {name: "customers v1", match: {path: /c/**}, request: {seal: {$.ssn: pii}}}
  - {name: orders, match: {path: /o/**}, request: {seal: {$.ssn: pii}}}
  - {name: free, match: {path: /free/**}, skip: true}
`

// An envoy is an admin endpoint with the generated configuration.
type envoy struct {
	dump, stats atomic.Value // string
	asked       atomic.Int64 // for the dump
	addr        string
}

func load(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Load("policy.yaml", []byte(text), os.LookupEnv, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func start(t *testing.T, p *policy.Policy) *envoy {
	t.Helper()
	e := new(envoy)
	b, err := bootstrap.New(p, bootstrap.Options{Listen: "127.0.0.1:1", Upstream: "127.0.0.1:2"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := bootstrap.YAML(b)
	if err != nil {
		t.Fatal(err)
	}
	e.dump.Store(string(text))
	e.stats.Store("")
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "a"))
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/config_dump":
			e.asked.Add(1)
			fmt.Fprint(w, e.dump.Load())
		case "/stats":
			fmt.Fprint(w, e.stats.Load())
		}
	})}}
	s.Start()
	t.Cleanup(s.Close)
	e.addr = "unix://" + l.Addr().String()
	return e
}

// Stats are compared with exchanges for each route with rules. What is known to
// be on its way does not count, and what was counted once is not again.
func TestUnmediated(t *testing.T) {
	p := load(t, rules)
	e := start(t, p)
	exchanges, active := map[string]uint64{}, int64(0)
	w := New(e.addr, func() *policy.Policy { return p }, Counts{
		Exchanges: func(route string) uint64 { return exchanges[route] },
		Active:    func() int64 { return active },
	})
	look := func(when string, customers, orders, free uint64, want string) {
		t.Helper()
		e.stats.Store(fmt.Sprintf("vhost.all.route.customers_v1.upstream_rq_total: %d\nvhost.all.route.orders.upstream_rq_total: %d\nvhost.all.route.free.upstream_rq_total: %d\nvhost.all.vcluster.other.upstream_rq_total: 9\n",
			customers, orders, free))
		w.Look(t.Context())
		s := w.State()
		if s.Err != nil || len(s.Findings) > 0 {
			t.Fatalf("%s: %v %v", when, s.Err, s.Findings)
		}
		got := fmt.Sprint(s.Mediated(), s.Unmediated)
		if got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	if w.State().Mediated() {
		t.Error("mediated before the first look")
	}
	look("what came before", 1000, 10, 5, "true map[]")
	exchanges["customers v1"], active = 3, 1
	look("one is in flight", 1002, 10, 5, "true map[]")
	active = 0
	look("it has arrived", 1003, 10, 50, "true map[]")
	look("one in clear", 1004, 10, 50, "false map[customers v1:1]")
	look("that is known", 1004, 10, 50, "true map[customers v1:1]")
	exchanges["orders"] = 2
	look("refused requests", 1004, 10, 50, "true map[customers v1:1]")
	look("and five in clear", 1007, 15, 50, "false map[customers v1:4 orders:3]")
	for range window + 1 {
		look("quiet", 1007, 15, 50, "true map[customers v1:4 orders:3]")
	}
	look("refusals long ago hide nothing", 1007, 16, 50, "false map[customers v1:4 orders:4]")
	look("Envoy began again", 0, 0, 0, "true map[customers v1:4 orders:4]")
}

// A dump is checked when it changes, or the policy does.
func TestFindings(t *testing.T) {
	p := load(t, rules)
	e := start(t, p)
	w := New(e.addr, func() *policy.Policy { return p }, Counts{
		Exchanges: func(string) uint64 { return 0 }, Active: func() int64 { return 0 },
	})
	look := func(when, want string) {
		t.Helper()
		w.Look(t.Context())
		s := w.State()
		if got := fmt.Sprint(s.Err, s.Findings); s.Mediated() != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	look("as generated", "")
	good := e.dump.Load().(string)
	e.dump.Store(strings.Replace(good, "ext_proc.v3.ExternalProcessor", "buffer.v3.Buffer", 1))
	look("without the filter", "IN CLEAR")
	look("still", "IN CLEAR")
	e.dump.Store(good)
	look("put back", "")
	p = load(t, strings.Replace(rules, "skip: true", "request: {seal: {$.a: pii}}", 1))
	look("rules on a skipped route", "IN CLEAR")
	e.dump.Store("{}")
	look("nothing", "no listener")
}

// An Envoy that does not answer is not mediated, and one that hangs holds up
// nothing for long.
func TestUnreachable(t *testing.T) {
	p := load(t, rules)
	counts := Counts{Exchanges: func(string) uint64 { return 0 }, Active: func() int64 { return 0 }}
	w := New("unix:///nowhere/admin.sock", func() *policy.Policy { return p }, counts)
	w.Look(t.Context())
	if s := w.State(); s.Err == nil || s.Mediated() {
		t.Error(s)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var n int
		w := New("unix:///nowhere/admin.sock", func() *policy.Policy { return p }, counts)
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.Watch(ctx, func(s *State) { n++ })
		}()
		synctest.Wait()
		cancel()
		<-done
		if n != 1 {
			t.Errorf("%d changes", n)
		}
	})
}
