package xds_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/keyuse/keyusetest"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/xds"
)

const canary = "CANARY-5e1f"

const sealing = `version: 1
listen: unix://%[1]s
keys: {main: {kek: "local:kek"}}
tags: {pii: {key: main}}
routes:
  - {name: seal, match: {methods: [POST], path: "/seal/**"}, request: {seal: {$.ssn: pii}}}
  - {name: free, match: {path: "/free/**"}, skip: true}
envoy: {xds: "unix://%[1]s.xds", listen: "%[2]s", upstream: "%[3]s"}
`

// A service is what sealmesh protects. A request for a path with "slow" waits.
type service struct {
	*httptest.Server
	came, leave chan struct{}

	mu     sync.Mutex
	bodies []string
}

func newService(t *testing.T) *service {
	s := &service{came: make(chan struct{}), leave: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "slow") {
			s.came <- struct{}{}
			<-s.leave
		}
		b, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.bodies = append(s.bodies, r.URL.Path+" "+string(b))
	}))
	t.Cleanup(s.Close)
	return s
}

// take returns what came since it was called last.
func (s *service) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bodies
	s.bodies = nil
	return b
}

// startSealmesh runs sealmesh in this process, and returns what its Envoy
// needs.
func startSealmesh(t *testing.T, listen, upstream string) []xds.Resource {
	t.Helper()
	dir, err := os.MkdirTemp("", "xds")
	ok(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "p")
	p, err := policy.Load("policy.yaml", fmt.Appendf(nil, sealing, socket, listen, upstream), os.LookupEnv, os.ReadFile)
	ok(t, err)
	log, metrics := slog.New(slog.DiscardHandler), new(proxy.Metrics)
	runtime, err := proxy.NewRuntime(p, openKeys(t, dir, log), metrics, nil)
	ok(t, err)
	s := proxy.NewServer(runtime, metrics, log, nil)
	t.Cleanup(s.Close)
	server := proxy.NewGRPCServer(p, nil, log)
	s.Register(server)
	l, err := net.Listen("unix", socket)
	ok(t, err)
	served := make(chan struct{})
	go func() { _ = server.Serve(l); close(served) }()
	t.Cleanup(func() { server.Stop(); <-served })

	messages, err := bootstrap.Resources(p)
	ok(t, err)
	var rs []xds.Resource
	for _, m := range messages {
		rs = append(rs, xds.Resource{Name: bootstrap.Name(m), Body: m})
	}
	return rs
}

func openKeys(t *testing.T, dir string, log *slog.Logger) *keycache.Cache {
	t.Helper()
	file := filepath.Join(dir, "kek")
	ok(t, local.Create(file))
	provider, err := local.Open(file)
	ok(t, err)
	kek := hsm.KEK{URI: "local:kek", Kind: "local", ProviderID: 1, Identity: provider.Identity(), Provider: provider}
	ring, err := hsm.NewKeyring(&hsm.Key{Name: "main", KEKs: []hsm.KEK{kek}, Quorum: 1})
	ok(t, err)
	recorder, err := keyuse.Open(keyuse.Options{Log: log, Required: true, Getenv: keyusetest.Start(t).Getenv})
	ok(t, err)
	t.Cleanup(func() { _ = recorder.Close(context.Background()) })
	cache, err := keycache.New(ring, keycache.Options{Recorder: recorder})
	ok(t, err)
	t.Cleanup(func() { _ = cache.Close() })
	return cache
}

// post posts a secret to Envoy, and says what became of it.
func post(e *envoy, s *service, path string) string {
	s.take()
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post("http://"+e.listen+path, "application/json", strings.NewReader(`{"ssn":"`+canary+`"}`))
	if err != nil {
		if strings.Contains(err.Error(), "connection refused") {
			return "refused"
		}
		return err.Error()
	}
	defer resp.Body.Close()
	got := strings.Join(s.take(), "\n")
	switch {
	case resp.StatusCode != http.StatusOK && got == "":
		return fmt.Sprint(resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return fmt.Sprintf("%d, and the service got %s", resp.StatusCode, got)
	case strings.Contains(got, canary):
		return "clear"
	case strings.Contains(got, `{"ssn":"sm1.`):
		return "sealed"
	}
	return "the service got " + got
}
