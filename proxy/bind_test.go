package proxy

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

const boundPolicy = `version: 1
keys:
  main: {kek: "local:kek"}
tags:
  pii: {key: main, context: {service: customers}, context_from: {customer: path.id}}
  pii.order: {key: main, context_from: {order: path.order, customer: path.id}}
  free: {key: main}
routes:
  - name: order
    match: {path: "/customers/{id}/orders/{order}"}
    request:  {seal: {$.secret: pii.order, $.other: free}}
    response: {open: {$.secret: pii.order, $.other: free}}
  - name: customer
    match: {path: "/customers/{id}/**"}
    request:  {seal: {$..secret: pii}}
    response: {open: {$..secret: pii}}
  - name: free
    match: {path: "/free/{id}"}
    request:  {seal: {$.secret: free}}
`

// What is sealed under a path opens under that path, and under no other, no
// matter which client stored it; what two servers could read differently is
// refused before anything is sealed.
func TestBoundToPath(t *testing.T) {
	for name, mode := range map[string]dataplane.Mode{
		"headers":    bothWays(wire.ModeFullDuplex),
		"buffered":   bothWays(wire.ModeBuffered),
		"attributes": {ResponseHeaders: true, RequestBody: wire.ModeBuffered, ResponseBody: wire.ModeBuffered},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{policy: boundPolicy})
			var stored string // what the service answers, in place of what it gets
			config := dataplane.Config{Mode: mode, AllowContentLength: name != "attributes"}
			if name == "attributes" {
				config.RequestAttributes, config.ResponseAttributes = RequestAttributes, ResponseAttributes
			}
			front := r.front(config, func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(stored))
			})
			post := func(path string) (int, string) {
				t.Helper()
				status, got, err := front.post(path, "application/json", strings.NewReader(`{}`))
				must(t, err)
				return status, got
			}
			for _, c := range []struct {
				sealedAt string
				opens    []string
				not      []string
			}{
				{"/customers/1", []string{"/customers/1", "/customers/1/", "/Customers/1/notes?id=2", "/customers/%31"},
					[]string{"/customers/2", "/customers/01", "/customers/1.0", "/customers/1/orders/1"}},
				{"/customers/Zo%C3%AB", []string{"/customers/Zo%c3%ab"}, []string{"/customers/zo%C3%AB", "/customers/Zoe%CC%88"}},
				{"/customers/1/orders/2", []string{"/customers/1/orders/2", "/customers/1/ORDERS/2"},
					[]string{"/customers/2/orders/1", "/customers/1/orders/3", "/customers/3/orders/2", "/customers/1/x"}},
			} {
				stored = "{}"
				front.upstream.got.Reset()
				status, got, err := front.post(c.sealedAt, "application/json", strings.NewReader(`{"secret":"`+canary+`"}`))
				must(t, err)
				if stored = front.upstream.everything(); status != http.StatusOK || !strings.Contains(stored, `"secret":"sm1.`) {
					t.Fatalf("%s: %d %s; the upstream got %s", c.sealedAt, status, got, stored)
				}
				for _, path := range c.opens {
					if status, got := post(path); status != http.StatusOK || got != `{"secret":"`+canary+`"}` {
						t.Errorf("sealed at %s, at %s: %d %s", c.sealedAt, path, status, got)
					}
				}
				for _, path := range c.not {
					if status, got := post(path); status != http.StatusBadGateway || !strings.Contains(got, codeOpenFailed) {
						t.Errorf("sealed at %s, at %s: %d %s", c.sealedAt, path, status, got)
					}
				}
			}
			for path, code := range map[string]string{
				"/customers/1;v=2": codePath, "/customers/1%3Bv=2": codePath, "/customers/1%2F2": codePath, "/customers/1%252F2": codePath,
				"/customers/" + strings.Repeat("x", policy.MaxParamBytes+1): "name_too_long",
			} {
				front.upstream.got.Reset()
				status, got, err := front.post(path, "application/json", strings.NewReader(`{"secret":"`+canary+`"}`))
				if err != nil || status/100 != 4 || !strings.Contains(got, code) || front.upstream.everything() != "" {
					t.Errorf("%.40s: %v %d %s", path, err, status, got)
				}
			}
		})
	}
}

// A route whose tags are bound to nothing costs no allocation more than before
// there were bindings; of one that is bound, each tag is bound once an
// exchange, however often rules use it.
func TestBindAllocations(t *testing.T) {
	p, err := policy.Load("policy.yaml", []byte(boundPolicy), os.LookupEnv, os.ReadFile)
	must(t, err)
	recorder := newRig(t, rigOptions{}).recorder
	cache, err := keycache.New(ringOf(t, p, new(witness), nil), keycache.Options{Recorder: recorder})
	must(t, err)
	defer cache.Close()
	rt, err := NewRuntime(p, cache, new(Metrics), nil)
	must(t, err)
	for name, most := range map[string]float64{"order": 6, "customer": 6, "free": 0} {
		for _, r := range p.Routes {
			if r.Name != name {
				continue
			}
			head := message{path: map[string]string{"order": "/customers/1/orders/2", "customer": "/customers/1", "free": "/free/1"}[name]}
			got := testing.AllocsPerRun(200, func() {
				if _, _, err := rt.routes[r].bind(func(name string) (string, error) { return r.Param(head.path, name) }); err != nil {
					t.Fatal(err)
				}
			})
			if t.Logf("%s: %.0f", name, got); got > most {
				t.Errorf("route %s: %.0f allocations, more than %.0f", name, got, most)
			}
		}
	}
	request, response, err := rt.routes[p.Routes[0]].bind(func(string) (string, error) { return "1", nil })
	must(t, err)
	if request.tags[0] != response.tags[0] || request.tags[1] != rt.routes[p.Routes[2]].request.tags[0] {
		t.Error("a tag is bound twice, or one that needs no binding is")
	}
}
