package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	toxics "github.com/Shopify/toxiproxy/v2/client"
	"github.com/rs/zerolog"

	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// awsEnv lets a process reach the fake KMS and nothing else.
var awsEnv = []string{
	"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=an example of a secret access key", "AWS_EC2_METADATA_DISABLED=true",
	"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_PROFILE=",
}

// A roughNetwork lies before a server: a toxiproxy.
type roughNetwork struct{ proxy *toxics.Proxy }

func newRoughNetwork(t *testing.T, server string) roughNetwork {
	t.Helper()
	control := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	must(t, l.Close())
	go func() { _ = control.Listen(addr) }()
	t.Cleanup(func() { _ = control.Shutdown() })
	var n roughNetwork
	for range 100 {
		if n.proxy, err = toxics.NewClient(addr).CreateProxy("server", "127.0.0.1:0", server); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	must(t, err)
	return n
}

// failures are the ways in which a network fails; each undoes itself.
func (n roughNetwork) failures(t *testing.T) map[string]func() (undo func()) {
	return map[string]func() func(){
		"cut": func() func() {
			must(t, n.proxy.Disable())
			return func() { must(t, n.proxy.Enable()) }
		},
		"reset":     n.toxic(t, "reset_peer", "downstream", toxics.Attributes{"timeout": 0}),
		"half open": n.toxic(t, "timeout", "downstream", toxics.Attributes{"timeout": 0}),
	}
}

// A roughKMS is a fake KMS behind a rough network.
type roughKMS struct {
	*kmsfake.Server
	roughNetwork
	arn string
	uri string
}

func newRoughKMS(t *testing.T) *roughKMS {
	t.Helper()
	s, err := kmsfake.Start()
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	target, err := url.Parse(s.URL())
	must(t, err)
	k := &roughKMS{Server: s, arn: s.CreateKey(kmsfake.Key{}), roughNetwork: newRoughNetwork(t, target.Host)}
	k.uri = "awskms:///" + k.arn + "?endpoint=" + url.QueryEscape("http://"+k.proxy.Listen)
	return k
}

const (
	testSoft = time.Second
	testHard = 4 * time.Second
	slack    = time.Second // of a busy machine
)

// seals tries to seal a value now.
func (s *stack) seals() bool {
	return s.do(http.MethodPost, "/seal/x", `{"secret":"`+canary+`"}`).status == http.StatusOK
}

// A sidecar that only seals wraps with the public key alone: an outage does not reach it,
// hard bound or not, and a disabled key stops it within the soft bound.
func TestOfflineSealing(t *testing.T) {
	k := newRoughKMS(t)
	k.arn = k.CreateKey(kmsfake.Key{Spec: "RSA_2048"})
	uri := "awskms:///" + k.arn + "?timeout=300ms&endpoint=" + url.QueryEscape("http://"+k.proxy.Listen)
	s := newStack(t, stackOptions{env: awsEnv, policy: fmt.Sprintf(`version: 1
listen: unix://${STACK_DIR}/ext_proc.sock
admin: unix://${STACK_DIR}/admin.sock
metrics: none
keys: {main: {kek: %q, use: seal, cache: {soft: %v, hard: %v}}}
tags: {pii: {key: main}}
routes:
  - {name: seal, match: {path: /seal/**}, request: {seal: {$..secret: pii}}}
`, uri, testSoft, testHard)})
	must(t, k.proxy.Disable())
	for start := time.Now(); time.Since(start) < testHard+testSoft; time.Sleep(50 * time.Millisecond) {
		if !s.seals() {
			t.Fatalf("does not seal, %v into the outage", time.Since(start))
		}
	}
	must(t, k.proxy.Enable())
	k.SetState(k.arn, kmsfake.Disabled)
	start := time.Now()
	for s.seals() {
		if time.Since(start) > testSoft+slack {
			t.Fatalf("sealed %v after the key was disabled; the soft bound is %v", time.Since(start), testSoft)
		}
		time.Sleep(20 * time.Millisecond)
	}
	k.SetState(k.arn, kmsfake.Enabled)
	s.wait("recovery", func() error {
		if !s.seals() {
			return fmt.Errorf("does not seal")
		}
		return nil
	})
}

func (k *roughKMS) stack(t *testing.T) *stack {
	return newStack(t, stackOptions{env: awsEnv, policy: fmt.Sprintf(`version: 1
listen: unix://${STACK_DIR}/ext_proc.sock
admin: unix://${STACK_DIR}/admin.sock
metrics: none
keys: {main: {kek: %q, context: {service: test}, cache: {soft: %v, hard: %v}}}
tags: {pii: {key: main}}
routes:
  - {name: seal, match: {path: /seal/**}, request: {seal: {$..secret: pii}}}
  - {name: open, match: {path: /open/**}, request: {envelopes: data}, response: {open: {$..secret: pii}}}
`, k.uri, testSoft, testHard)})
}

// opens tries to open a value now, and how long that took.
func (s *stack) opens(sealed string) (bool, time.Duration) {
	start := time.Now()
	got := s.do(http.MethodPost, "/open/x", sealed)
	return got.status == http.StatusOK && strings.Contains(got.body, canary), time.Since(start)
}

// lasts opens the value again and again, and returns when that worked last, at most limit.
func (s *stack) lasts(sealed string, limit time.Duration) (last time.Duration) {
	for start := time.Now(); time.Since(start) < limit; time.Sleep(20 * time.Millisecond) {
		if ok, _ := s.opens(sealed); !ok {
			return last
		}
		last = time.Since(start)
	}
	return limit
}

// An outage is survived up to the hard bound and no longer, however the network fails;
// then all is well again.
func TestOutage(t *testing.T) {
	k := newRoughKMS(t)
	s := k.stack(t)
	sealed := s.sealed(t, `{"secret":"`+canary+`"}`)
	for name, fail := range k.failures(t) {
		t.Run(name, func(t *testing.T) {
			if ok, _ := s.opens(sealed); !ok {
				t.Fatal("does not open before")
			}
			undo := fail()
			lasted := s.lasts(sealed, 2*testHard)
			undo()
			if lasted < testHard-testSoft-slack/2 || lasted > testHard+slack {
				t.Errorf("opened for %v of the outage; the hard bound is %v", lasted, testHard)
			}
			s.wait("recovery", func() error {
				if ok, _ := s.opens(sealed); !ok {
					return fmt.Errorf("does not open")
				}
				return nil
			})
		})
	}
}

func (n roughNetwork) toxic(t *testing.T, kind, stream string, a toxics.Attributes) func() func() {
	return func() func() {
		_, err := n.proxy.AddToxic(kind, kind, stream, 1, a)
		must(t, err)
		return func() { must(t, n.proxy.RemoveToxic(kind)) }
	}
}

// A KMS slower than the soft bound: nothing fails, and nothing waits for it. That it is
// nothing at all is held in virtual time: keycache's TestSlowKMSKeepsNobodyWaiting.
func TestSlowKMS(t *testing.T) {
	const latency = 1600 * time.Millisecond
	k := newRoughKMS(t)
	s := k.stack(t)
	sealed := s.sealed(t, `{"secret":"`+canary+`"}`)
	undo := k.toxic(t, "latency", "downstream", toxics.Attributes{"latency": latency.Milliseconds()})()
	defer undo()
	for start := time.Now(); time.Since(start) < 3*latency; time.Sleep(10 * time.Millisecond) {
		ok, took := s.opens(sealed)
		if !ok || took > latency/2 {
			t.Fatalf("opened %t, in %v, where the KMS takes %v", ok, took, latency)
		}
	}
}

// A key that is disabled stops opening and sealing within the soft bound, and comes
// back when it is enabled.
func TestRevocation(t *testing.T) {
	k := newRoughKMS(t)
	s := k.stack(t)
	sealed := s.sealed(t, `{"secret":"`+canary+`"}`)
	k.SetState(k.arn, kmsfake.Disabled)
	if lasted := s.lasts(sealed, testHard); lasted > testSoft+slack {
		t.Errorf("opened for %v after the key was disabled; the soft bound is %v", lasted, testSoft)
	}
	before := s.upstream.count()
	for range 5 {
		if got := s.do(http.MethodPost, "/seal/x", `{"secret":"`+canary+`"}`); got.status != http.StatusServiceUnavailable {
			t.Errorf("sealed under a disabled key: status %d", got.status)
		}
	}
	if n := s.upstream.count() - before; n != 0 {
		t.Errorf("%d requests reached the upstream", n)
	}
	k.SetState(k.arn, kmsfake.Enabled)
	s.wait("recovery", func() error {
		if ok, _ := s.opens(sealed); !ok {
			return fmt.Errorf("does not open")
		}
		return nil
	})
}

// A KMS that is away at the start is an exit with a reason, and a code of its own.
func TestUnreachableAtStart(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.yaml")
	must(t, os.WriteFile(file, []byte(`version: 1
listen: unix://`+dir+`/s
keys: {main: {kek: "awskms:///arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab?endpoint=http%3A%2F%2F127.0.0.1%3A1"}}
tags: {pii: {key: main}}
routes: [{name: r, match: {path: /r}, request: {seal: {$.a: pii}}}]
`), 0o600))
	cmd := exec.Command("sealmesh", "serve", "-c", file)
	cmd.Env = append(os.Environ(), awsEnv...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != exitKey || !strings.Contains(string(out), "awskms") || !strings.Contains(string(out), "unavailable") {
		t.Errorf("%v: %s", err, out)
	}
}
