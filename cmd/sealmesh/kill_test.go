package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// Whenever sealmesh dies, the upstream never sees a tagged value in clear, and
// the client gets an error.
func TestEnvoyKill9(t *testing.T) {
	t.Parallel()
	envoytest.Path(t)
	head := `{"open": 1, "pad": "` + strings.Repeat("p", 100_000) + `", "secret": "` + canary
	tail := `", "end": true}`
	for _, path := range []string{"/buffered/x", "/streamed/x"} {
		for name, when := range map[string]func(*stack, *io.PipeWriter){
			"before": func(s *stack, w *io.PipeWriter) {
				s.kill9()
				_, _ = io.WriteString(w, head+tail)
			},
			"during": func(s *stack, w *io.PipeWriter) {
				_, _ = io.WriteString(w, head)
				s.wait("exchange", s.inFlight)
				s.kill9()
				_, _ = io.WriteString(w, tail)
			},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				s := newStack(t, stackOptions{})
				r, w := io.Pipe()
				go func() {
					when(s, w)
					_ = w.Close()
				}()
				got := s.send(s.request(http.MethodPost, path, r))
				s.sawError(t, got)
				if seen := s.upstream.everything(); strings.Contains(seen, canary) {
					t.Errorf("the upstream saw %.300s", seen)
				}
			})
		}
	}
}

// Killed while the upstream answers, sealmesh leaves the client with an error,
// and not with half a body that looks whole.
func TestEnvoyKill9Response(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/open/x", "/buffered/x", "/streamed/x"} {
		t.Run(path, func(t *testing.T) {
			arrived, dead := make(chan struct{}), make(chan struct{})
			s := newStack(t, stackOptions{handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"a": "`)
				_ = http.NewResponseController(w).Flush()
				close(arrived)
				<-dead
				_, _ = io.WriteString(w, `"}`)
			}})
			go func() {
				<-arrived
				s.kill9()
				close(dead)
			}()
			s.sawError(t, s.do(http.MethodPost, path, `{}`))
		})
	}
}

// After a crash and a restart, everything works as before.
func TestEnvoyRestart(t *testing.T) {
	s := newStack(t, stackOptions{})
	const body = `{"secret": "` + canary + `"}`
	s.roundTrip(t, "/buffered/x", body, false, true)
	sealed := s.upstream.last(t).body
	s.kill9()
	s.sawError(t, s.do(http.MethodPost, "/buffered/x", body))
	s.start(stackOptions{})
	s.wait("service", func() error {
		if got := s.do(http.MethodPost, "/open/x", sealed); got.status != http.StatusOK || got.body != body {
			return errors.New(got.body)
		}
		return nil
	})
}

func (s *stack) sawError(t *testing.T, got *reply) {
	t.Helper()
	if got.err == nil && got.status < 500 {
		t.Errorf("the client got %d %.200s, and no error", got.status, got.body)
	}
}

// inFlight fails until an exchange is under way.
func (s *stack) inFlight() error {
	text, err := s.admin("/metrics")
	if err == nil && !strings.Contains(text, "sealmesh_exchanges_active 1\n") {
		err = errors.New("no exchange in flight")
	}
	return err
}
