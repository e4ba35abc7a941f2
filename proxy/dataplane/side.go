package dataplane

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// closeTimeout is how long Envoy waits for the processor to end the stream
// after its own end.
const closeTimeout = time.Second

var errKilled = status.Error(codes.Unavailable, "dataplane: the stream was broken on purpose")

// A side is the stream to the processor. Sending and receiving have a goroutine
// each: with many chunks in flight, each must continue while the other waits.
type side struct {
	x      *exchange
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	filled sync.Cond
	queue  []message
	ended  bool // no more messages will be queued

	closed bool // the event loop's: the stream has ended
}

type message struct {
	*extproc.ProcessingRequest
	phase wire.Phase
	size  int // bytes of the body
	gauge *gauge
}

func newSide(x *exchange) *side {
	s := &side{x: x}
	s.filled.L = &s.mu
	// This must not be the client's context: when the client disconnects, the
	// exchange decides how to end.
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(x.ctx))
	x.goroutines.Go(s.run)
	return s
}

// send queues m.
func (s *side) send(m message) {
	m.gauge.add(m.size)
	s.mu.Lock()
	s.queue = append(s.queue, m)
	s.mu.Unlock()
	s.filled.Signal()
}

// finish ends the sending half after the queued messages, or at once if reset.
func (s *side) finish(reset bool) {
	if reset {
		s.cancel() // before transmit can end gracefully
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.filled.Signal()
	if !reset {
		time.AfterFunc(closeTimeout, s.cancel)
	}
}

// next waits for a message. ok is false at the end.
func (s *side) next() (message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) == 0 && !s.ended {
		s.filled.Wait()
	}
	if len(s.queue) == 0 {
		return message{}, false
	}
	m := s.queue[0]
	s.queue = s.queue[1:]
	return m, true
}

func (s *side) run() {
	defer s.cancel()
	x := s.x
	stream, err := x.proxy.client.Process(s.ctx)
	if err != nil {
		x.post(func() { x.sideEnded(err) })
		return
	}
	var receiver sync.WaitGroup
	receiver.Go(func() { s.receive(stream) })
	s.transmit(stream)
	receiver.Wait()
}

// transmit sends the queued messages. The receiver reports errors.
func (s *side) transmit(stream extproc.ExternalProcessor_ProcessClient) {
	faults := &s.x.proxy.config.Faults
	for n := 0; ; n++ {
		m, ok := s.next()
		if !ok {
			if s.ctx.Err() == nil {
				_ = stream.CloseSend() // the receiver reports an error
			}
			return
		}
		if faults.Kill != nil && faults.Kill(m.phase, n) {
			s.x.post(func() { s.x.sideEnded(errKilled) })
			s.cancel()
			return
		}
		if faults.NoRequest && stream.Send(&extproc.ProcessingRequest{}) != nil {
			return
		}
		err := stream.Send(m.ProcessingRequest)
		m.gauge.add(-m.size)
		if err != nil {
			return
		}
		s.x.proxy.Stats.Sent.Add(1)
	}
}

func (s *side) receive(stream extproc.ExternalProcessor_ProcessClient) {
	x := s.x
	for {
		if f := x.proxy.config.Faults.BeforeReceive; f != nil {
			f()
		}
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if m == nil || err != nil {
			x.post(func() { x.sideEnded(err) })
			return
		}
		x.proxy.Stats.Received.Add(1)
		x.post(func() { x.onReply(m) })
	}
}
