package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// What has left in a streamed body is recorded while the body is still under
// way, and stands still: sealmesh may be killed then, and no use is lost.
func TestEnvoyKill9KeepsStreamedUses(t *testing.T) {
	envoytest.Path(t)
	var left atomic.Int64 // envelopes that have reached the upstream
	s := newStack(t, stackOptions{discard: func(_ http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Body.Read(buf)
			left.Add(int64(strings.Count(string(buf[:n]), "sm1.")))
			if err != nil {
				return
			}
		}
	}})
	pad := strings.Repeat("p", 40_000) // so that no envelope is held back, or cut
	body, w := io.Pipe()
	done := make(chan *reply, 1)
	go func() { done <- s.send(s.request(http.MethodPost, "/streamed/x", body)) }()
	for i := range 5 {
		mark := map[bool]string{true: "[", false: ","}[i == 0]
		if _, err := fmt.Fprintf(w, `%s{"secret":%q},%q`, mark, canary, pad); err != nil {
			t.Fatal(err)
		}
		s.wait("the chunk at the upstream", func() error { return missing(left.Load(), int64(i+1)) })
	}
	s.wait("its uses at the collector", func() error { return missing(s.recordedFields("streamed"), left.Load()) })
	s.kill9()
	_ = w.Close()
	s.sawError(t, <-done)
	if n := s.recordedFields("streamed"); n != 5 {
		t.Errorf("%d uses are recorded, 5 values were sealed", n)
	}
}

func missing(got, want int64) error {
	if got != want {
		return errors.New(fmt.Sprint(got, " of ", want))
	}
	return nil
}

// recordedFields adds up the values in all key-use spans of a route.
func (s *stack) recordedFields(route string) (n int64) {
	for _, span := range s.collector.Spans() {
		if span.Attrs["sealmesh.route"] == route && span.Name == "sealmesh.key_use" {
			n += span.Attrs["sealmesh.fields"].(int64)
		}
	}
	return n
}
