package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

//go:embed legacy.py
var legacySource []byte

//go:embed policy.yaml
var policySource []byte

// A stack is everything that the demo runs.
type stack struct {
	opt    Options
	dir    string
	python string

	sink     *spanSink
	sinkURL  string
	legacy   *process
	sealmesh *process
	envoy    *process

	standInDown func() // stops the stand-in; nil with a real Envoy

	listen string // host:port of Envoy
	edge   string // http:// and listen
	direct string // the legacy service itself
	admin  *http.Client
}

func (s *stack) path(name string) string { return filepath.Join(s.dir, name) }

// up writes the files and starts the processes one by one.
func (s *stack) up(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.files, s.ports, s.startSink, s.startLegacy, s.startSealmesh, s.startEnvoy} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) files(context.Context) error {
	if err := local.Create(s.path("kek")); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(s.path("policy.yaml"), policySource, 0o600),
		os.WriteFile(s.path("legacy.py"), legacySource, 0o600))
}

// ports chooses where Envoy and the legacy service listen.
func (s *stack) ports(context.Context) error {
	edge, err := freePort()
	if err != nil {
		return err
	}
	direct, err := freePort()
	if err != nil {
		return err
	}
	s.listen = "127.0.0.1:" + strconv.Itoa(edge)
	s.edge, s.direct = "http://"+s.listen, "http://127.0.0.1:"+strconv.Itoa(direct)
	return nil
}

func (s *stack) upstream() string { return strings.TrimPrefix(s.direct, "http://") }

// variables are those of the policy.
func (s *stack) variables() map[string]string {
	return map[string]string{"DEMO_DIR": s.dir, "DEMO_LISTEN": s.listen, "DEMO_UPSTREAM": s.upstream()}
}

func (s *stack) startSink(context.Context) (err error) {
	s.sink, s.sinkURL, err = startSink()
	return err
}

func (s *stack) startLegacy(ctx context.Context) (err error) {
	_, port, err := net.SplitHostPort(s.upstream())
	if err != nil {
		return err
	}
	s.legacy, err = start(s.dir, "legacy", nil, s.python, s.path("legacy.py"), s.path("customers.db"), port)
	if err != nil {
		return err
	}
	return s.legacy.until(ctx, answers(http.DefaultClient, s.direct+"/healthz"))
}

func (s *stack) startSealmesh(ctx context.Context) (err error) {
	s.admin = overSocket(s.path("admin.sock"))
	env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + s.sinkURL, "OTEL_TRACES_EXPORTER=otlp",
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_BSP_SCHEDULE_DELAY=100"}
	for name, value := range s.variables() {
		env = append(env, name+"="+value)
	}
	s.sealmesh, err = start(s.dir, "sealmesh", env, s.opt.Self, "serve", "--config", s.path("policy.yaml"))
	if err != nil {
		return err
	}
	return s.sealmesh.until(ctx, answers(s.admin, "http://admin/readyz"))
}

func (s *stack) startEnvoy(ctx context.Context) error {
	p, err := policy.Load("policy.yaml", policySource, func(name string) (string, bool) {
		value, ok := s.variables()[name]
		return value, ok
	}, os.ReadFile)
	if err != nil {
		return err
	}
	if s.opt.Envoy == "" {
		return s.standIn(s.listen, s.upstream(), p)
	}
	b, err := bootstrap.ForXDS(p)
	if err != nil {
		return err
	}
	text, err := bootstrap.YAML(b)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path("envoy.yaml"), text, 0o600); err != nil {
		return err
	}
	s.envoy, err = start(s.dir, "envoy", nil, s.opt.Envoy, "-c", s.path("envoy.yaml"), "--concurrency", "2",
		"--disable-hot-restart", "--log-level", "warning")
	if err != nil {
		return err
	}
	return s.envoy.until(ctx, answers(http.DefaultClient, s.edge+"/healthz"))
}

// rows returns the customers in the legacy database, one JSON object per line.
func (s *stack) rows(ctx context.Context) ([]byte, error) { return s.dump(ctx, "--dump") }

func (s *stack) dump(ctx context.Context, what string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, s.python, s.path("legacy.py"), what, s.path("customers.db")).Output()
	if err != nil {
		return nil, fmt.Errorf("read the legacy database: %w", err)
	}
	return out, nil
}

func (s *stack) down() {
	if s.standInDown != nil {
		s.standInDown()
	}
	for _, p := range []*process{s.envoy, s.sealmesh, s.legacy} {
		if p != nil {
			p.kill()
		}
	}
	if s.sink != nil {
		s.sink.server.Stop()
	}
}
