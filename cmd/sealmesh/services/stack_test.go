package services

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/keys"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/serve"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/envoytest"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// installed is where "make services" puts the packages of Python and Node.js.
const installed = "../../../build/services"

// TestMain puts this test binary on PATH as "sealmesh", so that the tests run
// its commands in a process of their own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sealmesh": func() {
		root := &cobra.Command{Use: "sealmesh", SilenceUsage: true, SilenceErrors: true}
		root.AddCommand(serve.Command(), keys.Command())
		os.Exit(cli.Exit(os.Stderr, root.Execute()))
	}, "conformance-server": func() { os.Exit(cli.Exit(os.Stderr, conformanceServer())) }})
}

// A stack is a service, and sealmesh and Envoy in front of it.
type stack struct {
	service string // its URL, past Envoy
	envoy   string // its URL through Envoy
	tap     *tap   // what Envoy sends to the service
}

// newStack starts a service, which a command with a port behind it runs, and
// the policy of that name in front of it. It skips the test where a part is
// missing, or fails it in CI.
func newStack(t *testing.T, policyFile string, service ...string) *stack {
	t.Helper()
	envoytest.Path(t)
	if _, err := os.Stat(filepath.Join(installed, "installed")); err != nil {
		const how = "no packages of Python and Node.js: run `make services`"
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	s := new(stack)
	addr, _ := envoytest.Addresses(t)
	_, port, _ := strings.Cut(addr, ":")
	start(t, program(t, append(service, port)...))
	s.service, s.tap = "http://"+addr, newTap(t, addr)
	p := s.serve(t, policyFile)
	o := bootstrap.Options{Upstream: s.tap.addr}
	o.Listen, o.Admin = envoytest.Addresses(t)
	b, err := bootstrap.New(p, o)
	must(t, err)
	s.envoy = envoytest.Start(t, b).URL
	wait(t, s.service)
	return s
}

// serve runs sealmesh with a policy of testdata, and returns that policy.
func (s *stack) serve(t *testing.T, policyFile string) *policy.Policy {
	t.Helper()
	dir, err := os.MkdirTemp("", "stack") // a socket's path must be short
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, local.Create(filepath.Join(dir, "kek")))
	text, err := os.ReadFile(filepath.Join("testdata", policyFile))
	must(t, err)
	file := filepath.Join(dir, policyFile)
	must(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "/run/sealmesh/", dir+"/")), 0o600))
	record := exec.Command("sealmesh", "keys", "new", "--kek", "local:kek", "--record", "lookup.record")
	record.Dir = dir
	if out, err := record.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command("sealmesh", "serve", "-c", file)
	var log bytes.Buffer
	cmd.Stderr = &log
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("sealmesh:\n%s", &log) // it has ended
		}
	})
	start(t, cmd)
	text, err = os.ReadFile(file)
	must(t, err)
	p, err := policy.Load(file, text, os.LookupEnv, func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) })
	must(t, err)
	poll(t, "sealmesh", func() error { _, err := os.Stat(filepath.Join(dir, "ext_proc.sock")); return err })
	return p
}

// program returns a command of testdata: "python FILE", "node FILE" or another
// program, with arguments.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	root, err := filepath.Abs(installed)
	must(t, err)
	if args[0] == "python" {
		args[0] = filepath.Join(root, "venv", "bin", "python")
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = "testdata"
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(root, "node_modules"), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = os.Stderr
	return cmd
}

// start runs cmd until the test ends.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// wait waits until something answers at url.
func wait(t *testing.T, url string) {
	t.Helper()
	poll(t, url, func() error {
		resp, err := http.Get(url)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	})
}

// poll waits for something that another process does.
func poll(t *testing.T, what string, ready func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = ready(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
