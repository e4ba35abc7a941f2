// Package testbed starts what the bench measures: for each contestant a real
// Envoy and a processor in a process of its own, and one upstream for all.
package testbed

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/sealmesh/sealmesh/bench/baseline"
	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

//go:embed policy.yaml
var policySource []byte

// A Testbed is what all contestants share.
type Testbed struct {
	Envoy    string // binary
	Sealmesh string // binary
	Self     string // this binary, which runs the baselines
	Dir      string
	Upstream *load.Upstream

	sinks  []*sink // of Collector
	stacks []*Stack
}

// New starts the upstream. Files go to dir.
func New(envoy, sealmesh, dir string) (*Testbed, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	up, err := load.StartUpstream()
	if err != nil {
		return nil, err
	}
	return &Testbed{Envoy: envoy, Sealmesh: sealmesh, Self: self, Dir: dir, Upstream: up}, nil
}

// Close ends everything that the testbed started.
func (t *Testbed) Close() {
	for _, s := range t.stacks {
		s.Stop()
	}
	for _, s := range t.sinks {
		s.server.Stop()
	}
	_ = t.Upstream.Close()
}

// Collector starts another OTLP collector and returns its URL.
func (t *Testbed) Collector() (string, error) {
	s, err := startSink()
	if err != nil {
		return "", err
	}
	t.sinks = append(t.sinks, s)
	return s.url, nil
}

// A Kind is the processor behind Envoy.
type Kind string

// The contestants.
const (
	None     Kind = "none"     // no ext_proc filter
	Noop     Kind = "noop"     // stock grpc-go, answers "continue"
	Naive    Kind = "naive"    // encoding/json, Tink, OTel SDK, stock grpc-go
	Sealmesh Kind = "sealmesh" // the binary
	Embedded Kind = "embedded" // sealmesh, embedded in the bench
)

// Spec is a stack to start.
type Spec struct {
	Name     string
	Kind     Kind
	Buffered bool     // body mode BUFFERED, which the baselines need
	Spans    bool     // also request spans of the OTel SDK
	Env      []string // additional environment of the processor
	Args     []string // additional arguments of the processor
}

// A Stack is one contestant: an Envoy and its processor.
type Stack struct {
	Spec
	Dir       string
	Addr      string // host:port where clients connect
	Client    *load.Client
	Envoy     *Process
	Processor *Process // nil for None
	Ready     time.Duration
	sink      *sink
	admin     *http.Client
}

// Start starts a stack and waits until it serves.
func (t *Testbed) Start(ctx context.Context, spec Spec) (*Stack, error) {
	s := &Stack{Spec: spec, Dir: filepath.Join(t.Dir, spec.Name)}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	t.stacks = append(t.stacks, s)
	if err := local.Create(filepath.Join(s.Dir, "kek")); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	file := filepath.Join(s.Dir, "policy.yaml")
	if err := os.WriteFile(file, policySource, 0o600); err != nil {
		return nil, err
	}
	env := append([]string{"BENCH_DIR=" + s.Dir}, spec.Env...)
	p, err := policy.Load(file, policySource, lookup(env), os.ReadFile)
	if err != nil {
		return nil, err
	}
	if spec.Kind != None {
		if err := t.startProcessor(ctx, s, file, env); err != nil {
			return nil, err
		}
	}
	s.Envoy, s.Addr, err = t.startEnvoy(ctx, s.Dir, p, bootstrap.Options{Buffered: spec.Buffered}, spec.Kind != None)
	if err != nil {
		return nil, err
	}
	s.Client = load.NewClient(s.Addr)
	return s, nil
}

// lookup finds variables in env. The last value wins.
func lookup(env []string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := len(env) - 1; i >= 0; i-- {
			if n := len(name); len(env[i]) > n && env[i][:n] == name && env[i][n] == '=' {
				return env[i][n+1:], true
			}
		}
		return "", false
	}
}

func (t *Testbed) startProcessor(ctx context.Context, s *Stack, file string, env []string) (err error) {
	if s.sink, err = startSink(); err != nil {
		return err
	}
	admin := filepath.Join(s.Dir, "admin.sock")
	s.admin = overSocket(admin)
	env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT="+s.sink.url, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_BSP_SCHEDULE_DELAY=100")
	path, args := t.Self, []string{"serve", string(s.Kind), "-listen", "unix://" + s.Dir + "/ext_proc.sock", "-admin", "unix://" + admin, "-config", file}
	if s.Kind == Sealmesh {
		path, args = t.Sealmesh, []string{"serve", "--config", file}
		if !s.Spans {
			// Request spans off; key uses do not depend on the sampler.
			env = append(env, "OTEL_TRACES_SAMPLER=always_off")
		}
	}
	began := time.Now()
	if s.Processor, err = start(s.Dir, "processor", env, path, append(args, s.Args...)...); err != nil {
		return err
	}
	err = s.Processor.until(ctx, answers(s.admin, "http://admin/readyz"))
	s.Ready = time.Since(began)
	return err
}

// Stop ends the processes of the stack, then its collector.
func (s *Stack) Stop() {
	if s.Client != nil {
		s.Client.Close()
	}
	for _, p := range []*Process{s.Envoy, s.Processor} {
		if p != nil {
			p.Stop()
		}
	}
	if s.sink != nil {
		s.sink.server.Stop()
	}
	s.Envoy, s.Processor = nil, nil
}

// Usage is what the processes of a stack have used so far.
type Usage struct {
	Processor, Envoy, Self time.Duration // CPU
	Spans                  uint64        // that reached the collector
}

// Usage reads the clocks.
func (s *Stack) Usage() (u Usage, err error) {
	if u.Envoy, err = cpuOf(s.Envoy.PID()); err != nil {
		return u, err
	}
	if s.Processor != nil {
		if u.Processor, err = cpuOf(s.Processor.PID()); err != nil {
			return u, err
		}
		u.Spans = s.sink.spans.Load()
	}
	u.Self, err = cpuOf(os.Getpid())
	return u, err
}

// Memory is the resident set of the processor and of Envoy, in bytes.
type Memory struct{ Processor, ProcessorPeak, Envoy, EnvoyPeak int64 }

// Memory reads the memory of the processes.
func (s *Stack) Memory() (m Memory, err error) {
	if m.Envoy, m.EnvoyPeak, err = memoryOf(s.Envoy.PID()); err != nil || s.Processor == nil {
		return m, err
	}
	m.Processor, m.ProcessorPeak, err = memoryOf(s.Processor.PID())
	return m, err
}

// Stats returns the allocations of a processor that the bench itself runs.
func (s *Stack) Stats() (st baseline.Stats, err error) {
	resp, err := s.admin.Get("http://admin/stats")
	if err != nil {
		return st, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return st, fmt.Errorf("%s: stats: %s", s.Name, resp.Status)
	}
	return st, json.NewDecoder(resp.Body).Decode(&st)
}
