package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"

	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/keycache/keyuse/keyusetest"
	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/envoytest"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A stack is the real thing: an upstream, sealmesh in a process of its own, a
// collector for its key uses, and Envoy before them.
type stack struct {
	t         *testing.T
	dir       string
	policy    string
	upstream  *upstream
	collector *keyusetest.Collector
	sealmesh  *exec.Cmd
	gone      <-chan struct{}
	logs      *lockedBuffer
	envoy     *envoytest.Envoy

	listen, envoyAdmin string // of an Envoy that gets its configuration by xDS
}

type stackOptions struct {
	policy    string // with %s for the body mode of each direction; "" for testPolicy
	mutate    func(*bootstrapv3.Bootstrap)
	bootstrap bootstrap.Options
	binary    string // "" for the test binary itself
	env       []string
	args      []string // of serve
	ready     string   // the URL that says so; "" for the admin socket's
	handler   http.HandlerFunc
	h2c       bool             // the upstream speaks HTTP/2
	discard   http.HandlerFunc // in place of handler: reads the body itself, and nothing is kept
}

// testPolicy seals on requests and opens on responses, in both body modes.
const testPolicy = `version: 1
listen: unix://${STACK_DIR}/ext_proc.sock
admin: unix://${STACK_DIR}/admin.sock
metrics: none
keys:
  main: {kek: "local:kek", context: {service: test}}
  other: {kek: "local:kek", context: {service: other}}
tags:
  pii: {key: main}
  pii.other: {key: main}
  tenant: {key: other}
limits: {buffered_bytes: 1MiB}
routes:
  - name: buffered
    match: {path: /buffered/**}
    request:  {seal: {$..secret: pii}}
    response: {open: {$..secret: pii}}
  - name: streamed
    match: {path: /streamed/**}
    request:  {seal: {$..secret: pii}, body: streamed}
    response: {open: {$..secret: pii}, body: streamed}
  - name: streamed-seal
    match: {path: /streamed-seal/**}
    request:  {seal: {$..secret: pii}, body: streamed}
    response: {seal: {$..secret: pii}, body: streamed}
  - name: seal-only
    match: {path: /seal/**}
    request:  {seal: {$..secret: pii}}
  - name: open-only
    match: {path: /open/**}
    request: {envelopes: data} # the upstream echoes what tests send it to be opened
    response: {open: {$..secret: pii}}
  - name: open-request
    match: {path: /open-request/**}
    request: {open: {$..secret: pii}}
  - name: seal-response
    match: {path: /seal-response/**}
    response: {seal: {$..secret: pii}}
  - name: open-other
    match: {path: /other-tag/**}
    request: {open: {$..secret: pii.other}}
  - name: open-tenant
    match: {path: /other-tenant/**}
    request: {open: {$..secret: tenant}}
  - name: free
    match: {path: /free/**}
    skip: true
`

func newStack(t *testing.T, opt stackOptions) *stack {
	t.Helper()
	envoytest.Path(t)
	if opt.policy == "" {
		opt.policy = testPolicy
	}
	s := serveAlone(t, opt.policy, opt)
	s.upstream = startUpstream(t, opt)
	s.startEnvoy(opt)
	return s
}

// serveAlone is a stack without Envoy and upstream.
func serveAlone(t *testing.T, policy string, opt stackOptions) *stack {
	t.Helper()
	s := newFolder(t)
	must(t, os.WriteFile(s.policy, []byte(policy), 0o600))
	s.start(opt)
	return s
}

// newFolder is a stack that has a KEK and nothing else yet.
func newFolder(t *testing.T) *stack {
	t.Helper()
	dir, err := os.MkdirTemp("", "stack") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &stack{t: t, dir: dir, policy: filepath.Join(dir, "policy.yaml"), collector: keyusetest.Start(t), logs: new(lockedBuffer)}
	if err := local.Create(filepath.Join(dir, "kek")); err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs sealmesh and waits until it is ready.
func (s *stack) start(opt stackOptions) {
	s.t.Helper()
	binary := opt.binary
	if binary == "" {
		binary = "sealmesh"
	}
	s.sealmesh = exec.Command(binary, append([]string{"serve", "-c", s.policy}, opt.args...)...)
	s.sealmesh.Env = append(os.Environ(), "STACK_DIR="+s.dir, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+s.collector.GRPC(),
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_BSP_SCHEDULE_DELAY=50")
	s.sealmesh.Env = append(s.sealmesh.Env, opt.env...)
	s.sealmesh.Stderr = s.logs
	if err := s.sealmesh.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd, gone := s.sealmesh, make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	s.gone = gone
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-gone
		if s.t.Failed() {
			s.t.Logf("sealmesh:\n%s", s.logs)
		}
	})
	s.wait("sealmesh", func() error {
		select {
		case <-gone:
			s.t.Fatalf("sealmesh ended:\n%s", s.logs)
		default:
		}
		if opt.ready == "" {
			_, err := s.admin("/readyz")
			return err
		}
		resp, err := http.Get(opt.ready)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	})
}

func (s *stack) startEnvoy(opt stackOptions) {
	s.t.Helper()
	p := s.readPolicy(opt.env)
	o := opt.bootstrap
	o.HTTP2 = opt.h2c
	o.Listen, o.Admin = envoytest.Addresses(s.t)
	o.Upstream = s.upstream.Listener.Addr().String()
	b, err := bootstrap.New(p, o)
	if err != nil {
		s.t.Fatal(err)
	}
	if opt.mutate != nil {
		opt.mutate(b)
	}
	s.envoy = envoytest.Start(s.t, b)
}

// readPolicy reads the policy as sealmesh does, with env before the
// environment.
func (s *stack) readPolicy(env []string) *policy.Policy {
	s.t.Helper()
	text, err := os.ReadFile(s.policy)
	must(s.t, err)
	env = append([]string{"STACK_DIR=" + s.dir}, env...)
	p, err := policy.Load(s.policy, text, func(name string) (string, bool) {
		for _, e := range env {
			if value, ok := strings.CutPrefix(e, name+"="); ok {
				return value, true
			}
		}
		return os.LookupEnv(name)
	}, os.ReadFile)
	must(s.t, err)
	return p
}

// wait polls for something that another process does.
func (s *stack) wait(what string, ready func() error) {
	s.t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = ready(); err == nil {
			return
		}
	}
	s.t.Fatalf("%s: %v\n%s", what, err, s.logs)
}

func (s *stack) admin(path string) (string, error) {
	req, err := http.NewRequest(http.MethodGet, "http://admin"+path, nil)
	if err != nil {
		return "", err
	}
	status, body := s.ask(req)
	if status != http.StatusOK {
		err = fmt.Errorf("%d: %s", status, body)
	}
	return body, err
}

// ask asks the admin endpoint. A status of 0 is a connection that failed.
func (s *stack) ask(req *http.Request) (status int, body string) {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.dir, "admin.sock"))
	}}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// kill9 kills sealmesh as a crash would.
func (s *stack) kill9() {
	_ = s.sealmesh.Process.Kill()
	<-s.gone
}

// do sends a JSON request through Envoy.
func (s *stack) do(method, path, body string, header ...string) *reply {
	s.t.Helper()
	return s.send(s.request(method, path, strings.NewReader(body), header...))
}

func (s *stack) request(method, path string, body io.Reader, header ...string) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.envoy.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

// A reply is what a client saw. err is a connection that broke.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

func (s *stack) send(req *http.Request) *reply {
	s.t.Helper()
	resp, err := edge.RoundTrip(req)
	if err != nil {
		return &reply{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return &reply{resp.StatusCode, resp.Header, string(b), err}
}

// edge is a client that adds nothing of its own, such as accept-encoding.
var edge = &http.Transport{DisableCompression: true}

// An upstream is the legacy service: it keeps every request it got, and answers
// with the body it was sent.
type upstream struct {
	*httptest.Server
	mu   sync.Mutex
	seen []*seen
}

type seen struct {
	method, path string
	length       int64
	chunked      bool
	header       http.Header
	body         string
	err          error
}

func startUpstream(t *testing.T, opt stackOptions) *upstream {
	u := new(upstream)
	serve := httptest.NewServer
	if opt.h2c {
		serve = overH2C
	}
	u.Server = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if opt.discard != nil {
			opt.discard(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		u.mu.Lock()
		u.seen = append(u.seen, &seen{r.Method, r.URL.Path, r.ContentLength, len(r.TransferEncoding) > 0, r.Header.Clone(), string(body), err})
		u.mu.Unlock()
		if opt.handler != nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
			opt.handler(w, r)
			return
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}))
	t.Cleanup(u.Close)
	return u
}

// last returns the last request that reached the upstream.
func (u *upstream) last(t *testing.T) *seen {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.seen) == 0 {
		t.Fatal("nothing reached the upstream")
	}
	return u.seen[len(u.seen)-1]
}

func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.seen)
}

// clear returns how many requests below prefix came with the canary in clear.
func (u *upstream) clear(prefix string) (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, r := range u.seen {
		if strings.HasPrefix(r.path, prefix) && strings.Contains(r.body, canary) {
			n++
		}
	}
	return n
}

// everything returns all that the upstream ever got.
func (u *upstream) everything() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var b strings.Builder
	for _, r := range u.seen {
		fmt.Fprintf(&b, "%s %s %v %s\n", r.method, r.path, r.header, r.body)
	}
	return b.String()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
