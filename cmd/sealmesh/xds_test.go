package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// xdsPolicy is testPolicy for an Envoy that gets its configuration from
// sealmesh.
func (s *stack) xdsPolicy(rules string) string {
	return fmt.Sprintf("%senvoy: {xds: \"unix://%s\", listen: %q, upstream: %q, admin: %q}\n", rules,
		filepath.Join(s.dir, "xds.sock"), s.listen, s.upstream.Listener.Addr(), s.envoyAdmin)
}

// newXDSStack is a stack whose Envoy, with two workers, gets its configuration
// from sealmesh.
func newXDSStack(t *testing.T) *stack {
	t.Helper()
	envoytest.Path(t)
	s := newFolder(t)
	s.upstream = startUpstream(t, stackOptions{})
	s.listen, s.envoyAdmin = envoytest.Addresses(t)
	s.write(s.xdsPolicy(testPolicy))
	s.start(stackOptions{})
	s.startEnvoyByXDS()
	return s
}

func (s *stack) startEnvoyByXDS() {
	s.t.Helper()
	b, err := bootstrap.ForXDS(s.readPolicy(nil))
	must(s.t, err)
	s.envoy = envoytest.StartXDS(s.t, b, s.listen, 2)
}

func (s *stack) reload(text string) {
	s.t.Helper()
	s.write(text)
	if status, body := s.post("/reload"); status != http.StatusNoContent {
		s.t.Fatal(status, body)
	}
}

// An Envoy that gets its configuration from sealmesh seals and opens, also when
// sealmesh has crashed and is back with other rules, and when Envoy has.
func TestXDS(t *testing.T) {
	s := newXDSStack(t)
	for _, path := range []string{"/buffered/1", "/streamed/1"} {
		if got := s.do("POST", path, secret); got.status != http.StatusOK || got.body != secret {
			t.Errorf("%s: %v", path, got)
		}
	}
	if got := s.do("POST", "/nowhere", secret); got.status != http.StatusForbidden {
		t.Errorf("no route: %v", got)
	}
	s.kill9()
	if got := s.do("POST", "/seal/1", secret); got.status < 500 {
		t.Errorf("without sealmesh: %v", got)
	}
	s.write(s.xdsPolicy(ruled(t)))
	s.start(stackOptions{})
	s.wait("the routes of the new policy", func() error {
		if got := s.do("POST", "/free/1", secret); got.status != http.StatusOK || strings.Contains(s.upstream.last(s.t).body, canary) {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
	if n := s.upstream.clear("/seal/"); n != 0 {
		t.Errorf("%d values passed in clear", n)
	}
}

// A request that begins after a reload is under the new rules, whichever worker
// takes it and however its connection was made. Before that it is under the old
// rules or the new ones, and none fails.
func TestXDSReloadWhileRequestsFlow(t *testing.T) {
	s := newXDSStack(t)
	var reloaded atomic.Bool
	var late, all, failed atomic.Int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			own := &http.Transport{DisableCompression: true}
			defer own.CloseIdleConnections()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				began := reloaded.Load()
				path := fmt.Sprintf("/free/%t/%d", began, n)
				resp, err := own.RoundTrip(s.request("POST", path, strings.NewReader(secret)))
				all.Add(1)
				if err != nil {
					failed.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					failed.Add(1)
				}
				if began {
					late.Add(1)
				}
			}
		})
	}
	time.Sleep(200 * time.Millisecond) // some requests under the old rules
	s.reload(s.xdsPolicy(ruled(t)))
	reloaded.Store(true)
	s.wait("requests after the reload", func() error {
		if n := late.Load(); n < 200 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	close(stop)
	clients.Wait()
	if n := s.upstream.clear("/free/true/"); n != 0 {
		t.Errorf("%d of %d requests after the reload passed in clear", n, late.Load())
	}
	if s.upstream.clear("/free/false/") == 0 {
		t.Error("no request was under the old rules: the test has seen nothing")
	}
	if n := failed.Load(); n != 0 {
		t.Errorf("%d of %d requests failed", n, all.Load())
	}
}
