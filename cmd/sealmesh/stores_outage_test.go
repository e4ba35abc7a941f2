package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store/postgres/postgrestest"
)

// storeOutagePolicy has a key whose store is behind a rough network. %[1]s is
// where; %[2]s more of the key.
const storeOutagePolicy = `version: 1
listen: unix://${STACK_DIR}/ext_proc.sock
admin: unix://${STACK_DIR}/admin.sock
metrics: none
keys: {main: {kek: "local:kek", context: {service: test}, store: "postgres://sealmesh@%[1]s/postgres?sslmode=disable"%[2]s}}
tags: {pii: {key: main}}
routes:
  - {name: seal, match: {path: /seal/**}, request: {seal: {$..secret: pii}}}
  - {name: open, match: {path: /open/**}, request: {envelopes: data}, response: {open: {$..secret: pii}}}
`

// strangersEnvelope seals a value under a data key of its own and puts that
// into the store, as a process elsewhere would: the stack's sealmesh has never
// seen it.
func (s *stack) strangersEnvelope(t *testing.T, address string) string {
	t.Helper()
	run := func(policy, stdin string, args ...string) string {
		file := filepath.Join(s.dir, "other.yaml")
		must(t, os.WriteFile(file, []byte(policy), 0o600))
		cmd := exec.Command("sealmesh", append(args, "-c", file)...)
		cmd.Env = append(os.Environ(), "STACK_DIR="+s.dir)
		cmd.Stdin = strings.NewReader(stdin)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, stderr.String())
		}
		return string(out)
	}
	policy := fmt.Sprintf(storeOutagePolicy, address, "")
	begin := strings.Index(policy, ", store:")
	inline := policy[:begin] + policy[begin+strings.Index(policy[begin:], "}}"):]
	sealed := run(inline, `{"secret":"`+canary+`"}`, "apply", "--route", "seal", "--direction", "request")
	return run(policy, sealed, "rewrap", "--to", "by-id")
}

// byID reports whether the last value that reached the upstream carries no
// record.
func (s *stack) byID(t *testing.T) bool {
	t.Helper()
	body := s.upstream.last(t).body
	text := strings.TrimSuffix(strings.TrimPrefix(body, `{"secret":"`), `"}`)
	h, _, _, err := envelope.Parse(nil, []byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return h.Record == nil
}

// traffic seals and opens until stop is called, which returns how many
// exchanges there were, and how many failed.
func (s *stack) traffic(sealed string) (stop func() (n, failed int64)) {
	var wg sync.WaitGroup
	var n, failed atomic.Int64
	done := make(chan struct{})
	for _, path := range []string{"/seal/x", "/open/x", "/open/y"} {
		body, want := sealed, canary
		if path == "/seal/x" {
			body, want = `{"secret":"`+canary+`"}`, envelope.Prefix
		}
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(2 * time.Millisecond):
				}
				got := s.do(http.MethodPost, path, body)
				n.Add(1)
				if got.status != http.StatusOK || !strings.Contains(got.body, want) {
					failed.Add(1)
				}
			}
		})
	}
	return func() (int64, int64) {
		close(done)
		wg.Wait()
		return n.Load(), failed.Load()
	}
}

// While the store is unavailable, however the network fails, values whose data
// keys are in memory are sealed and opened as ever, those under a data key that
// is new to the process are refused as unavailable, and open once it is back.
func TestStoreOutage(t *testing.T) {
	t.Parallel()
	db := postgrestest.Start(t)
	network := cmdtest.NewNetwork(t, db.Address())
	s := newStack(t, stackOptions{policy: fmt.Sprintf(storeOutagePolicy, network.Proxy.Listen, "")})
	sealed := s.sealed(t, `{"secret":"`+canary+`"}`)
	if !s.byID(t) {
		t.Fatal("sealed inline")
	}
	for name, fail := range network.Failures(t) {
		t.Run(name, func(t *testing.T) {
			unknown := s.strangersEnvelope(t, db.Address())
			stop := s.traffic(sealed)
			undo := fail()
			for start := time.Now(); time.Since(start) < 3*time.Second; {
				if got := s.do(http.MethodPost, "/open/unknown", unknown); got.status != http.StatusServiceUnavailable || strings.Contains(got.body, canary) {
					t.Errorf("an unknown data key: status %d, %s", got.status, got.body)
				}
			}
			n, failed := stop()
			undo()
			if failed > 0 || n < 100 { // were they to wait for the store, there would be 6 at most
				t.Errorf("%d of %d exchanges under known data keys failed", failed, n)
			}
			t.Logf("%d exchanges", n)
			if s.do(http.MethodPost, "/seal/x", `{"secret":"`+canary+`"}`); !s.byID(t) {
				t.Error("the data key went inline, with a store or without")
			}
			s.wait("recovery", func() error {
				if ok, _ := s.opens(unknown); !ok {
					return fmt.Errorf("does not open")
				}
				return nil
			})
		})
	}
}

// When a data key is used up while the store is unavailable, store_fallback
// decides: a new one seals inline, and is opened without a store ever, or
// nothing is sealed until the store is back.
func TestStoreOutageAtRotation(t *testing.T) {
	t.Parallel()
	db := postgrestest.Start(t)
	const uses = 300
	for fallback, refuses := range map[string]bool{"inline": false, "refuse": true} {
		t.Run(fallback, func(t *testing.T) {
			network := cmdtest.NewNetwork(t, db.Address())
			more := fmt.Sprintf(", rotate: {uses: %d}, store_fallback: %s", uses, fallback)
			s := newStack(t, stackOptions{policy: fmt.Sprintf(storeOutagePolicy, network.Proxy.Listen, more)})
			value := `{"secret":"` + canary + `"}`
			sealed := s.sealed(t, value)
			must(t, network.Proxy.Disable())
			var refused, inline int
			var last string
			for range 3 * uses {
				before := s.upstream.count()
				switch got := s.do(http.MethodPost, "/seal/x", value); got.status {
				case http.StatusOK:
					if !s.byID(t) {
						inline, last = inline+1, s.upstream.last(t).body
					}
				case http.StatusServiceUnavailable:
					if refused++; s.upstream.count() != before {
						t.Fatal("refused, and sent on")
					}
				default:
					t.Fatalf("status %d: %s", got.status, got.body)
				}
			}
			if strings.Contains(s.upstream.everything(), canary) {
				t.Error("a value reached the upstream in clear")
			}
			if refuses != (refused > 0) || refuses == (inline > 0) {
				t.Errorf("%d refused, %d inline", refused, inline)
			}
			if ok, _ := s.opens(sealed); !ok {
				t.Error("what was sealed before does not open")
			}
			must(t, network.Proxy.Enable())
			if !refuses {
				s.opensElsewhere(t, last)
				return
			}
			s.wait("recovery", func() error {
				if got := s.do(http.MethodPost, "/seal/x", value); got.status != http.StatusOK || !s.byID(t) {
					return fmt.Errorf("status %d", got.status)
				}
				return nil
			})
		})
	}
}

// opensElsewhere opens an envelope with its KEK and nothing else: no store.
func (s *stack) opensElsewhere(t *testing.T, sealed string) {
	t.Helper()
	file := filepath.Join(s.dir, "alone.yaml")
	must(t, os.WriteFile(file, []byte("version: 1\nkeys: {main: {kek: \"local:kek\", context: {service: test}}}\ntags: {pii: {key: main}}\n"+
		"routes: [{name: open, match: {path: /open}, response: {open: {$..secret: pii}}}]\n"), 0o600))
	cmd := exec.Command("sealmesh", "apply", "-c", file, "--route", "open", "--direction", "response")
	cmd.Stdin = strings.NewReader(sealed)
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), canary) {
		t.Errorf("%v: %s", err, out)
	}
}
