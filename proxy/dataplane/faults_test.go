package dataplane

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

var duplexRequest = Mode{RequestHeaders: true, RequestBody: wire.ModeFullDuplex, RequestTrailers: true}

// chunks lists the body messages that the processor got.
func (r *rig) chunks() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, s := range r.seen {
		if _, text, ok := strings.Cut(s, ":"); ok {
			list = append(list, text)
		}
	}
	return strings.Join(list, "|")
}

// ignoring answers bodies as they are, but nothing after the end of one; seen
// is called for each end.
func ignoring(seen func()) script {
	return func(c call) error {
		ended := false
		return loop(func(m *extproc.ProcessingRequest) []*extproc.ProcessingResponse {
			b, ok := bodyOf(m)
			if !ok {
				return []*extproc.ProcessingResponse{answer(m, nil)}
			}
			if b.EndOfStream {
				seen()
			}
			if ended {
				return nil
			}
			ended = b.EndOfStream
			return []*extproc.ProcessingResponse{answer(m, common(nil, piece(string(b.Body), b.EndOfStream)))}
		})(c)
	}
}

func TestFaultChunksOfADuplexBody(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults Faults
		chunks string
	}{
		{"cut", Faults{Chunks: []int{1, 2}}, "b|od|y|."},
		{"empty chunks", Faults{Chunks: []int{2}, EmptyChunks: true}, "|bo||dy||."},
		{"duplicate end", Faults{Chunks: []int{4}, DuplicateEnd: true}, "body|.|."},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ends sync.WaitGroup // the response waits for the processor to have seen all
			ends.Add(strings.Count(c.chunks, "."))
			r := newRig(t, Config{Mode: duplexRequest, Faults: c.faults}, ignoring(ends.Done), func(w http.ResponseWriter, r *http.Request) {
				ends.Wait()
				echo(w, r)
			})
			if _, got := r.post(t, "body", 200); got != "body" {
				t.Errorf("got %q", got)
			}
			<-r.ends
			if got := r.chunks(); got != c.chunks {
				t.Errorf("chunks %s, want %s", got, c.chunks)
			}
		})
	}
}

// Answering the duplicate end is what a processor must not do.
func TestFaultDuplicateEndAnswered(t *testing.T) {
	gate := make(chan struct{})
	upstream := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-gate
	}
	r := newRig(t, Config{Mode: duplexRequest, Faults: Faults{DuplicateEnd: true}}, upper(true), upstream)
	t.Cleanup(func() { close(gate) })
	r.post(t, "body", 500)
	if r.Stats.Spurious.Load() != 1 {
		t.Error("not counted")
	}
}

func TestFaultMessagesWithoutRequest(t *testing.T) {
	r := newRig(t, Config{Mode: Mode{RequestHeaders: true}, Faults: Faults{NoRequest: true}},
		loop(func(m *extproc.ProcessingRequest) []*extproc.ProcessingResponse {
			if m.Request == nil {
				return nil
			}
			return []*extproc.ProcessingResponse{answer(m, nil)}
		}), nil)
	r.post(t, "body", 200)
	if want := "none request-headers"; r.messages() != want {
		t.Errorf("messages %s", r.messages())
	}
}

// How a stream ends for the processor: by a reset, gracefully, and early.
func TestFaultEnds(t *testing.T) {
	t.Run("reset", func(t *testing.T) {
		r := newRig(t, Config{Mode: all(wire.ModeBuffered)}, upperKeepingLength, nil)
		r.post(t, "body", 200)
		if err := <-r.ends; status.Code(err) != codes.Canceled {
			t.Errorf("the stream ended with %v", err)
		}
	})
	t.Run("half close", func(t *testing.T) {
		r := newRig(t, Config{Mode: all(wire.ModeBuffered), Faults: Faults{HalfClose: true}}, upperKeepingLength, nil)
		r.post(t, "body", 200)
		if err := <-r.ends; !errors.Is(err, io.EOF) {
			t.Errorf("the stream ended with %v", err)
		}
	})
	t.Run("early", func(t *testing.T) {
		answered := make(chan struct{})
		var r *rig
		r = newRig(t, Config{Mode: Mode{RequestHeaders: true, RequestBody: wire.ModeBuffered}, Faults: Faults{EarlyClose: true}},
			upperKeepingLength, func(w http.ResponseWriter, q *http.Request) {
				_, _ = io.Copy(io.Discard, q.Body)
				if err := <-r.ends; !normal(err) { // before the response begins
					t.Errorf("the stream ended with %v", err)
				}
				close(answered)
			})
		r.post(t, "body", 200)
		<-answered
	})
}

// upperKeepingLength is for BUFFERED bodies whose length stays.
func upperKeepingLength(s call) error { return upper(false)(s) }

func TestFaultKill(t *testing.T) {
	for name, at := range map[string]wire.Phase{
		"before the body": wire.RequestHeaders, "at the body": wire.RequestBody, "after the body": wire.ResponseHeaders,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{Mode: all(wire.ModeBuffered), Faults: Faults{
				Kill: func(p wire.Phase, _ int) bool { return p == at },
			}}, upperKeepingLength, nil)
			r.post(t, "body", 500)
			if r.Stats.Failed.Load() != 1 || r.Stats.Bypassed.Load() != 0 {
				t.Error("not counted as failed")
			}
		})
	}
	t.Run("during a streamed response", func(t *testing.T) {
		gate := make(chan struct{})
		r := newRig(t, Config{Mode: all(wire.ModeStreamed), Faults: Faults{
			Kill: func(p wire.Phase, _ int) bool { return p == wire.ResponseBody },
		}}, upper(false), late(gate))
		if r.begun(t, gate) == nil {
			t.Error("the response ended well")
		}
	})
}

func TestFaultClientReset(t *testing.T) {
	arrived := make(chan struct{})
	var once sync.Once
	r := newRig(t, Config{Mode: duplexRequest, Faults: Faults{ResetAfter: 5}}, loop(func(m *extproc.ProcessingRequest) []*extproc.ProcessingResponse {
		if _, ok := bodyOf(m); ok {
			once.Do(func() { close(arrived) })
		}
		return nil
	}), nil)
	reader, writer := io.Pipe()
	go func() {
		_, _ = writer.Write([]byte("12345"))
		<-arrived // the stream is there
		_, _ = writer.Write([]byte("6"))
		writer.Close()
	}()
	request := r.request(t, "POST", "")
	request.Body = reader
	if _, _, err := r.do(t, request); err == nil {
		t.Error("the exchange went on")
	}
	if err := <-r.ends; status.Code(err) != codes.Canceled {
		t.Errorf("the stream ended with %v", err)
	}
}

// A real client that disconnects in the middle of its body.
func TestClientGoesAway(t *testing.T) {
	arrived := make(chan struct{})
	var once sync.Once
	r := newRig(t, Config{Mode: duplexRequest}, func(s call) error {
		for {
			m, err := s.Recv()
			if err != nil {
				return err
			}
			if _, ok := bodyOf(m); ok {
				once.Do(func() { close(arrived) })
			}
		}
	}, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nbody"); err != nil {
		t.Fatal(err)
	}
	<-arrived
	conn.Close()
	if err := <-r.ends; status.Code(err) != codes.Canceled {
		t.Errorf("the stream ended with %v", err)
	}
}

// A reader that is slow to take replies holds up nothing but itself.
func TestFaultSlowReader(t *testing.T) {
	var reads atomic.Int64
	gate := make(chan struct{})
	close(gate)
	r := newRig(t, Config{Mode: duplexRequest, Faults: Faults{Chunks: []int{1}, BeforeReceive: func() { reads.Add(1); <-gate }}}, upper(true), nil)
	if _, got := r.post(t, "body", 200); got != "BODY" || reads.Load() < 6 {
		t.Errorf("%q after %d reads", got, reads.Load())
	}
}
