package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
)

// When the drain bound passes, or the operator asks again, a body under way
// ends as an error for the client, and nothing of it has passed in clear.
func TestDrainLate(t *testing.T) {
	for name, c := range map[string]struct {
		drain string
		twice bool
		log   string
	}{
		"bound passed": {drain: "300ms", log: "did not end in time"},
		"asked again":  {drain: "1h", twice: true, log: "second signal"},
	} {
		for _, path := range []string{"/streamed/x", "/buffered/x"} {
			t.Run(name+" "+path, func(t *testing.T) {
				s := newStack(t, stackOptions{args: []string{"--drain", c.drain}})
				r, w := io.Pipe()
				defer w.Close()
				go func() {
					_, _ = io.WriteString(w, `{"open": 1, "secret": "`+canary)
					s.wait("exchange", s.inFlight)
					_ = s.sealmesh.Process.Signal(syscall.SIGTERM)
					s.logged(`"msg":"draining"`, 1)
					for c.twice && !strings.Contains(s.logs.String(), c.log) { // until it listens
						_ = s.sealmesh.Process.Signal(syscall.SIGTERM)
						time.Sleep(10 * time.Millisecond)
					}
				}()
				// Envoy answers a buffered exchange when its end has come.
				go func() {
					<-s.gone
					_, _ = io.WriteString(w, `"}`)
					_ = w.Close()
				}()
				s.sawError(t, s.send(s.request(http.MethodPost, path, r)))
				<-s.gone
				if code := s.sealmesh.ProcessState.ExitCode(); code != cli.ExitOK || !strings.Contains(s.logs.String(), c.log) {
					t.Errorf("exit code %d", code)
				}
				if seen := s.upstream.everything(); strings.Contains(seen, canary) {
					t.Errorf("the upstream saw %.300s", seen)
				}
			})
		}
	}
}

// drain asks s to end, with an exchange in flight, and waits until it is not
// ready any more.
func (s *stack) drain() {
	s.wait("exchange", s.inFlight)
	_ = s.sealmesh.Process.Signal(syscall.SIGTERM)
	s.wait("drain", func() error {
		if _, err := s.admin("/readyz"); err == nil {
			return errors.New("still ready")
		}
		return nil
	})
}

// While one exchange drains, others are refused; then the sockets are gone.
func TestDrainRefuses(t *testing.T) {
	s := newStack(t, stackOptions{})
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, `{"secret": "`)
		s.drain()
		s.wait("refusal", func() error { // GOAWAY may take a moment
			if got := s.do(http.MethodPost, "/seal/late", `{"secret":"`+canary+`"}`); got.status < 500 {
				return fmt.Errorf("status %d", got.status)
			}
			return nil
		})
		_, _ = io.WriteString(w, canary+`"}`)
		_ = w.Close()
	}()
	if got := s.send(s.request(http.MethodPost, "/streamed/x", r)); got.err != nil || got.status != http.StatusOK {
		t.Errorf("%v, status %d %s", got.err, got.status, got.body)
	}
	<-s.gone
	if seen := s.upstream.everything(); strings.Contains(seen, canary) {
		t.Errorf("the upstream saw %.300s", seen)
	}
	for _, name := range []string{"ext_proc.sock", "admin.sock"} {
		if _, err := os.Lstat(filepath.Join(s.dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Key uses that an unavailable collector does not accept go to the spool, and
// are sent by the next process: one key use for each exchange, none lost.
func TestSpoolReplay(t *testing.T) {
	const exchanges = 20
	spooled := strings.Replace(testPolicy, "limits:", "audit: {spool: {dir: \"${STACK_DIR}/spool\"}}\nlimits:", 1)
	for name, end := range map[string]func(*stack){
		"after a drain": func(s *stack) {
			must(s.t, s.sealmesh.Process.Signal(syscall.SIGTERM))
			<-s.gone
			if code := s.sealmesh.ProcessState.ExitCode(); code != cli.ExitOK {
				s.t.Errorf("exit code %d", code)
			}
		},
		"after a crash": func(s *stack) {
			s.wait("spool", func() error {
				text, err := s.admin("/metrics")
				if err == nil && !strings.Contains(text, `sealmesh_audit_pending_bytes{where="memory"} 0`) {
					err = errors.New("not all is on disk")
				}
				return err
			})
			s.kill9()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, stackOptions{policy: spooled})
			s.collector.Refuse(codes.Unavailable)
			for range exchanges {
				if got := s.do(http.MethodPost, "/seal/x", `{"secret":1}`); got.status != http.StatusOK {
					t.Fatalf("%v, status %d %s", got.err, got.status, got.body)
				}
			}
			end(s)
			s.collector.Resume()
			s.start(stackOptions{})
			s.wait("replay", func() error {
				uses := map[string]bool{}
				for _, span := range s.collector.Spans() {
					if span.Name == "sealmesh.key_use" && span.Attrs["sealmesh.route"] == "seal-only" {
						uses[string(span.SpanId)] = true
					}
				}
				if len(uses) != exchanges {
					return fmt.Errorf("%d key uses of %d exchanges", len(uses), exchanges)
				}
				return nil
			})
		})
	}
}
