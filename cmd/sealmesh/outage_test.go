package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	toxics "github.com/Shopify/toxiproxy/v2/client"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

const (
	testSoft = time.Second
	testHard = 4 * time.Second
	slack    = time.Second // of a busy machine
)

// seals tries to seal a value now.
func (s *stack) seals() bool {
	return s.do(http.MethodPost, "/seal/x", `{"secret":"`+canary+`"}`).status == http.StatusOK
}

// A sidecar that only seals wraps with the public key alone: an outage does not
// reach it, hard TTL or not, and a disabled key stops it within the soft TTL.
func TestOfflineSealing(t *testing.T) {
	t.Parallel()
	k := cmdtest.NewKMS(t)
	k.ARN = k.CreateKey(kmsfake.Key{Spec: "RSA_2048"})
	uri := "awskms:///" + k.ARN + "?timeout=300ms&endpoint=" + url.QueryEscape("http://"+k.Proxy.Listen)
	s := newStack(t, stackOptions{env: cmdtest.AWSEnv(), policy: fmt.Sprintf(`version: 1
listen: unix://${STACK_DIR}/ext_proc.sock
admin: unix://${STACK_DIR}/admin.sock
metrics: none
keys: {main: {kek: %q, use: seal, cache: {soft: %v, hard: %v}}}
tags: {pii: {key: main}}
routes:
  - {name: seal, match: {path: /seal/**}, request: {seal: {$..secret: pii}}}
`, uri, testSoft, testHard)})
	must(t, k.Proxy.Disable())
	for start := time.Now(); time.Since(start) < testHard+testSoft; time.Sleep(50 * time.Millisecond) {
		if !s.seals() {
			t.Fatalf("does not seal, %v into the outage", time.Since(start))
		}
	}
	must(t, k.Proxy.Enable())
	k.SetState(k.ARN, kmsfake.Disabled)
	start := time.Now()
	for s.seals() {
		if time.Since(start) > testSoft+slack {
			t.Fatalf("sealed %v after the key was disabled; the soft TTL is %v", time.Since(start), testSoft)
		}
		time.Sleep(20 * time.Millisecond)
	}
	k.SetState(k.ARN, kmsfake.Enabled)
	s.wait("recovery", func() error {
		if !s.seals() {
			return fmt.Errorf("does not seal")
		}
		return nil
	})
}

func kmsStack(t *testing.T, k *cmdtest.KMS) *stack {
	return newStack(t, stackOptions{env: cmdtest.AWSEnv(), policy: fmt.Sprintf(`version: 1
listen: unix://${STACK_DIR}/ext_proc.sock
admin: unix://${STACK_DIR}/admin.sock
metrics: none
keys: {main: {kek: %q, context: {service: test}, cache: {soft: %v, hard: %v}}}
tags: {pii: {key: main}}
routes:
  - {name: seal, match: {path: /seal/**}, request: {seal: {$..secret: pii}}}
  - {name: open, match: {path: /open/**}, request: {envelopes: data}, response: {open: {$..secret: pii}}}
`, k.URI, testSoft, testHard)})
}

// opens tries to open a value now, and how long that took.
func (s *stack) opens(sealed string) (bool, time.Duration) {
	start := time.Now()
	got := s.do(http.MethodPost, "/open/x", sealed)
	return got.status == http.StatusOK && strings.Contains(got.body, canary), time.Since(start)
}

// lasts opens the value again and again, and returns when that worked last, at
// most limit.
func (s *stack) lasts(sealed string, limit time.Duration) (last time.Duration) {
	for start := time.Now(); time.Since(start) < limit; time.Sleep(20 * time.Millisecond) {
		if ok, _ := s.opens(sealed); !ok {
			return last
		}
		last = time.Since(start)
	}
	return limit
}

// An outage is survived up to the hard TTL and no longer, however the network
// fails; then all is well again.
func TestOutage(t *testing.T) {
	t.Parallel()
	k := cmdtest.NewKMS(t)
	s := kmsStack(t, k)
	sealed := s.sealed(t, `{"secret":"`+canary+`"}`)
	for name, fail := range k.Failures(t) {
		t.Run(name, func(t *testing.T) {
			if ok, _ := s.opens(sealed); !ok {
				t.Fatal("does not open before")
			}
			undo := fail()
			lasted := s.lasts(sealed, 2*testHard)
			undo()
			if lasted < testHard-testSoft-slack/2 || lasted > testHard+slack {
				t.Errorf("opened for %v of the outage; the hard TTL is %v", lasted, testHard)
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

// A KMS slower than the soft TTL: nothing fails, and nothing waits for it. That
// it is nothing at all is held in virtual time: keycache's
// TestSlowKMSKeepsNobodyWaiting.
func TestSlowKMS(t *testing.T) {
	t.Parallel()
	const latency = 1600 * time.Millisecond
	k := cmdtest.NewKMS(t)
	s := kmsStack(t, k)
	sealed := s.sealed(t, `{"secret":"`+canary+`"}`)
	undo := k.Toxic(t, "latency", "downstream", toxics.Attributes{"latency": latency.Milliseconds()})()
	defer undo()
	for start := time.Now(); time.Since(start) < 3*latency; time.Sleep(10 * time.Millisecond) {
		ok, took := s.opens(sealed)
		if !ok || took > latency/2 {
			t.Fatalf("opened %t, in %v, where the KMS takes %v", ok, took, latency)
		}
	}
}

// A key that is disabled stops opening and sealing within the soft TTL, and
// comes back when it is enabled.
func TestRevocation(t *testing.T) {
	t.Parallel()
	k := cmdtest.NewKMS(t)
	s := kmsStack(t, k)
	sealed := s.sealed(t, `{"secret":"`+canary+`"}`)
	k.SetState(k.ARN, kmsfake.Disabled)
	if lasted := s.lasts(sealed, testHard); lasted > testSoft+slack {
		t.Errorf("opened for %v after the key was disabled; the soft TTL is %v", lasted, testSoft)
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
	k.SetState(k.ARN, kmsfake.Enabled)
	s.wait("recovery", func() error {
		if ok, _ := s.opens(sealed); !ok {
			return fmt.Errorf("does not open")
		}
		return nil
	})
}

// A KMS that is unavailable at the start is an exit with a reason and its own
// code.
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
	cmd.Env = append(os.Environ(), cmdtest.AWSEnv()...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != cli.ExitKey || !strings.Contains(string(out), "awskms") || !strings.Contains(string(out), "unavailable") {
		t.Errorf("%v: %s", err, out)
	}
}
