// Package envoytest runs a real Envoy for tests and benchmarks.
package envoytest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
)

// Path returns the Envoy to use: SEALMESH_ENVOY, or the one on PATH. Without an
// Envoy it skips the test, but in CI it fails the test: there Envoy is not
// optional. With -short it always skips the test.
func Path(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: starts Envoy")
	}
	if p := os.Getenv("SEALMESH_ENVOY"); p != "" {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	p, err := exec.LookPath("envoy")
	if err == nil {
		return p
	}
	const how = "no Envoy: run `make envoy` and set SEALMESH_ENVOY=build/envoy/bin/envoy"
	if os.Getenv("CI") == "true" {
		t.Fatal(how)
	}
	t.Skip(how)
	return ""
}

// An Envoy is a running Envoy.
type Envoy struct {
	URL   string // http://127.0.0.1:port of its listener
	Admin string // http://127.0.0.1:port of its admin endpoint
	PID   int
	log   string
}

// Addresses returns free loopback addresses for a listener and an admin
// endpoint.
func Addresses(t testing.TB) (listen, admin string) {
	t.Helper()
	return free(t), free(t)
}

// free returns a port below those that systems give to clients (Linux: from
// 32768). A client's connection could otherwise take the port before Envoy
// does.
func free(t testing.TB) string {
	t.Helper()
	var err error
	for range 100 {
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(22_000)))); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal(err)
	return ""
}

// Start runs an Envoy with one worker on b until the test ends. b must have an
// admin endpoint.
func Start(t testing.TB, b *bootstrapv3.Bootstrap) *Envoy {
	t.Helper()
	return StartXDS(t, b, socket(b.StaticResources.Listeners[0].GetAddress().GetSocketAddress()), 1)
}

// StartXDS runs an Envoy with that many workers on b until the test ends. It
// gets its listener, at listen, from elsewhere.
func StartXDS(t testing.TB, b *bootstrapv3.Bootstrap, listen string, workers int) *Envoy {
	t.Helper()
	path, dir := Path(t), t.TempDir()
	text, err := bootstrap.YAML(b)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "envoy.yaml")
	e := &Envoy{log: filepath.Join(dir, "envoy.log")}
	e.Admin = "http://" + socket(b.GetAdmin().GetAddress().GetSocketAddress())
	e.URL = "http://" + listen
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(e.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(path, "-c", config, "--concurrency", strconv.Itoa(workers), "--disable-hot-restart", "--log-level", "warning")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e.PID = cmd.Process.Pid
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-gone
		if t.Failed() {
			t.Logf("envoy:\n%s", e.Log())
		}
	})
	e.ready(t, gone)
	return e
}

type hostPort interface {
	GetAddress() string
	GetPortValue() uint32
}

func socket(a hostPort) string {
	return net.JoinHostPort(a.GetAddress(), strconv.Itoa(int(a.GetPortValue())))
}

func (e *Envoy) ready(t testing.TB, gone <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if resp, err := http.Get(e.Admin + "/ready"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-gone:
			t.Fatalf("envoy ended:\n%s", e.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("envoy is not ready:\n%s", e.Log())
}

// Log returns what Envoy has printed.
func (e *Envoy) Log() string {
	b, _ := os.ReadFile(e.log)
	return string(b)
}

// Stat returns the sum of the counters and gauges whose name contains part.
func (e *Envoy) Stat(t testing.TB, part string) int {
	t.Helper()
	resp, err := http.Get(e.Admin + "/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if n, err := strconv.Atoi(value); ok && err == nil && strings.Contains(name, part) {
			sum += n
		}
	}
	return sum
}

// String names the listener's address.
func (e *Envoy) String() string { return fmt.Sprintf("envoy at %s", e.URL) }
