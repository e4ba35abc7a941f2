package proxy

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/keyuse/keyusetest"
	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/transport"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// canary is in every tagged value of these tests, and must never be seen where
// it does not belong.
const canary = "CANARY-7d21"

const rigPolicy = `version: 1
keys:
  main: {kek: "local:kek", context: {service: test}}
  other: {kek: "local:kek", context: {service: other}}
tags:
  pii: {key: main}
  pii.two: {key: main}
  tenant: {key: other}
limits: {buffered_bytes: 256KiB, value_bytes: 32KiB, depth: 20}
routes:
  - name: both
    match: {path: /both/**}
    request:  {seal: {$..secret: pii, $..tenant: tenant}}
    response: {open: {$..secret: pii, $..tenant: tenant}}
  - name: seal
    match: {path: /seal/**}
    request: {seal: {$..secret: pii}, pass: ["image/*"]}
  - name: open
    match: {path: /open/**}
    request: {pass: [text/html]}
    response: {open: {$..secret: pii}}
  - name: open-request
    match: {path: /open-request/**}
    request: {open: {$..secret: pii}}
  - name: open-two
    match: {path: /open-two/**}
    request: {open: {$..secret: pii.two}}
  - name: open-tenant
    match: {path: /open-tenant/**}
    request: {open: {$..secret: tenant}}
  - name: migrating
    match: {path: /migrating/**}
    response: {open: {$..secret: pii}, migration: {accept_plaintext_until: 2999-01-01}}
  - name: migrated
    match: {path: /migrated/**}
    response: {open: {$..secret: pii}, migration: {accept_plaintext_until: 2001-01-01}}
  - name: root
    match: {path: /root/**}
    request: {seal: {$: pii}}
  - name: skip
    match: {path: /skip/**}
    skip: true
`

// streamedPolicy is rigPolicy with every body streamed.
var streamedPolicy = regexp.MustCompile(`(request|response): +\{`).ReplaceAllString(rigPolicy, "$0 body: streamed, ")

// A rig is a proxy.Server on a unix socket, with real keys and a real
// collector.
type rig struct {
	t         *testing.T
	server    *Server
	metrics   *Metrics
	collector *keyusetest.Collector
	recorder  *keyuse.Recorder
	keys      *witness
	socket    string
	log       *safeBuffer
	end       func() // ends the recorder, once
}

type rigOptions struct {
	policy   string                          // "" for rigPolicy
	provider func(hsm.Provider) hsm.Provider // wraps the KEK
	recorder keyuse.Options
}

func newRig(t *testing.T, opt rigOptions) *rig {
	t.Helper()
	if opt.policy == "" {
		opt.policy = rigPolicy
	}
	p, err := policy.Load("policy.yaml", []byte(opt.policy), os.LookupEnv, os.ReadFile)
	must(t, err)
	r := &rig{t: t, metrics: new(Metrics), collector: keyusetest.Start(t), log: new(safeBuffer), keys: new(witness)}
	opt.recorder.Required = opt.recorder.Required || p.Audit.Required
	opt.recorder.Getenv = r.collector.Getenv
	opt.recorder.Log = slog.New(slog.DiscardHandler)
	r.recorder, err = keyuse.Open(opt.recorder)
	must(t, err)
	r.end = sync.OnceFunc(func() { _ = r.recorder.Close(context.Background()) })
	cache, err := keycache.New(ringOf(t, p, r.keys, opt.provider), keycache.Options{Recorder: r.recorder})
	must(t, err)
	rt, err := NewRuntime(p, cache, r.metrics, func() { _ = cache.Close() })
	must(t, err)
	r.server = NewServer(rt, r.metrics, slog.New(slog.NewJSONHandler(r.log, nil)), nil)
	r.listen()
	return r
}

// A witness remembers every data key in the clear that a KEK gave out.
type witness struct {
	mu   sync.Mutex
	keys [][]byte
}

type witnessed struct {
	hsm.Provider
	*witness
}

func (w witnessed) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	key, wrapped, err := w.Provider.GenerateDataKey(ctx, ec)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		key.Expose(func(b []byte) { w.keys = append(w.keys, bytes.Clone(b)) })
	}
	return key, wrapped, err
}

// spill returns what in s nobody may see: a value of a test, or a data key in
// any usual spelling.
func (w *witness) spill(s string) string {
	if strings.Contains(s, canary) {
		return "a value"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.keys {
		for _, spelled := range []string{string(k), hex.EncodeToString(k), base64.RawStdEncoding.EncodeToString(k), base64.RawURLEncoding.EncodeToString(k), fmt.Sprint(k)} {
			if strings.Contains(s, spelled) {
				return "a data key"
			}
		}
	}
	return ""
}

func ringOf(t *testing.T, p *policy.Policy, w *witness, wrap func(hsm.Provider) hsm.Provider) *hsm.Keyring {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek")
	must(t, local.Create(path))
	var keys []*hsm.Key
	for _, k := range p.Keys {
		provider, err := local.Open(path)
		must(t, err)
		kek := hsm.KEK{URI: k.KEKs[0], Kind: "local", ProviderID: 1, Identity: provider.Identity(), Provider: witnessed{provider, w}}
		if wrap != nil {
			kek.Provider = wrap(kek.Provider)
		}
		keys = append(keys, &hsm.Key{Name: k.Name, Context: k.Context, KEKs: []hsm.KEK{kek}, Quorum: 1})
	}
	ring, err := hsm.NewKeyring(keys...)
	must(t, err)
	return ring
}

// newTestServer serves by google.golang.org/grpc where the environment says so:
// the whole suite has to pass on both, and make test runs both.
func newTestServer(o transport.Options) GRPCServer {
	if os.Getenv("SEALMESH_TEST_TRANSPORT") == "grpc" {
		o.Streams = policy.DefaultStreams
		return grpc.NewServer(NetworkOptions(o)...)
	}
	return transport.New(o)
}

func (r *rig) listen() {
	dir, err := os.MkdirTemp("", "rig") // a socket's path must be short
	must(r.t, err)
	r.socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", r.socket)
	must(r.t, err)
	g := newTestServer(transport.Options{
		Codec: wire.Codec(), Pool: wire.Pool(), Metadata: TraceMetadata(), MaxMessage: 64 << 20,
		Window: 1 << 18, ConnWindow: 1 << 22, Handshake: time.Minute,
	})
	r.server.Register(g)
	go func() { _ = g.Serve(l) }()
	r.t.Cleanup(func() {
		if r.t.Failed() {
			r.t.Logf("the log: %s", r.log)
		}
		g.Stop()
		r.server.Close()
		r.end()
		_ = os.RemoveAll(dir)
		if what := r.keys.spill(r.log.String()); what != "" {
			r.t.Errorf("the log quotes %s: %s", what, r.log)
		}
		for _, s := range r.collector.Spans() {
			if what := r.keys.spill(s.String()); what != "" {
				r.t.Errorf("a span quotes %s: %v", what, s)
			}
		}
	})
}

// idle waits until no exchange is in flight.
func (r *rig) idle() {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); r.metrics.Active.Load() > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			r.t.Fatal("an exchange does not end")
		}
	}
}

// reached waits until a goroutine is in function.
func (r *rig) reached(function string) {
	r.t.Helper()
	stacks := make([]byte, 4<<20)
	for deadline := time.Now().Add(20 * time.Second); !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte(function)); runtime.Gosched() {
		if time.Now().After(deadline) {
			r.t.Fatalf("nothing reaches %s", function)
		}
	}
}

// uses ends the record and returns every key use of the test.
func (r *rig) uses() []keyusetest.Span {
	r.t.Helper()
	r.end()
	return r.collector.Spans()
}

// seal returns what becomes of a request body with values to seal.
func (r *rig) seal(body string) string {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	s := r.process(r.t, ctx)
	var sealed string
	for _, m := range []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), buffered, none), reqBody(body, true)} {
		must(r.t, s.Send(m))
		reply, err := s.Recv()
		must(r.t, err)
		sealed = string(reply.GetRequestBody().GetResponse().GetBodyMutation().GetBody())
	}
	return sealed
}

// A front is a data plane before an upstream that keeps what it got.
type front struct {
	*httptest.Server
	proxy    *dataplane.Proxy
	upstream *sink
}

type sink struct {
	mu     sync.Mutex
	got    bytes.Buffer
	answer http.HandlerFunc // nil to echo
}

func (s *sink) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(io.TeeReader(req.Body, s))
	if s.answer != nil {
		req.Body = io.NopCloser(bytes.NewReader(body))
		s.answer(w, req)
		return
	}
	w.Header().Set("Content-Type", req.Header.Get("Content-Type"))
	_, _ = w.Write(body)
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(p)
}

func (s *sink) everything() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.String()
}

func (r *rig) front(c dataplane.Config, answer http.HandlerFunc) *front {
	r.t.Helper()
	f := &front{upstream: &sink{answer: answer}}
	up := httptest.NewServer(f.upstream)
	r.t.Cleanup(up.Close)
	var err error
	c.Upstream, err = url.Parse(up.URL)
	must(r.t, err)
	c.Processor = "unix:" + r.socket
	if c.MessageTimeout == 0 {
		c.MessageTimeout = dataplane.DefaultMessageTimeout * 50
	}
	f.proxy, err = dataplane.New(c)
	must(r.t, err)
	f.Server = httptest.NewServer(f.proxy)
	r.t.Cleanup(func() {
		f.Server.Close()
		_ = f.proxy.Close()
		if n := f.proxy.Stats.Bypassed.Load(); n != 0 {
			r.t.Errorf("%d exchanges passed unprocessed", n)
		}
		if n := f.proxy.Stats.Spurious.Load(); n != 0 {
			r.t.Errorf("%d spurious replies", n)
		}
		if what := r.keys.spill(f.upstream.everything()); what != "" {
			r.t.Errorf("the upstream saw %s in clear: %.300s", what, f.upstream.everything())
		}
	})
	return f
}

// post sends body and returns what came back; err is a connection that broke.
func (f *front) post(path, contentType string, body io.Reader) (status int, got string, err error) {
	resp, err := f.Client().Post(f.URL+path, contentType, body)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
