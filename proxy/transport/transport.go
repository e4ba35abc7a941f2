// Package transport serves gRPC over HTTP/2 to the Envoy on the same host, over a
// unix socket. It is what google.golang.org/grpc's server would be if it served ext_proc
// alone: short streams of a few small messages, from few connections, where the cost of a
// message is that of handing it from goroutine to goroutine and of each system call. One
// goroutine reads a connection and one writes it; a handler takes a message from the first
// and leaves its reply to the second, and replies that are there together leave in one write.
//
// It must not serve a network. Its peer is one trusted Envoy; an HTTP/2 stack that
// strangers reach has to withstand more than RFC 9113 says, and google.golang.org/grpc
// carries that duty better. Package proxy chooses between the two.
//
// It takes services as a *grpc.Server does, so that generated code registers with it, and
// either can serve them. It implements RFC 9113 and the gRPC protocol over HTTP/2
// (PROTOCOL-HTTP2.md of grpc/grpc), but for what Envoy does not ask of an ext_proc
// service: compression, headers and trailers of handlers, and server reflection. Frames
// and HPACK are those of golang.org/x/net/http2.
package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// Options say how a Server serves. The zero value of a field is not a default unless it says so.
type Options struct {
	Codec      encoding.CodecV2 // of all messages
	Pool       mem.BufferPool   // what messages are received in
	Metadata   []string         // the names, in lower case, of request headers that a handler may read
	MaxMessage int              // the longest message that may be received, in bytes
	Streams    uint32           // open at once on a connection; 0: no bound
	Window     int32            // flow-control window of a stream, in bytes
	ConnWindow int32            // and of a connection
	Log        *slog.Logger     // what ended connections; nil: nobody wants to know
	Handshake  time.Duration    // how long the client's preface may take
	Send       time.Duration    // how long SendMsg may wait for the peer to take a message; 0: for ever
}

// ErrStopped is what Serve returns after Stop or GracefulStop was called before it.
var ErrStopped = errors.New("transport: the server has been stopped")

// A Server serves gRPC services. Register all of them before Serve; all other methods are
// safe for concurrent use.
type Server struct {
	opts     Options
	methods  map[string]method
	workers  workers
	handlers sync.WaitGroup

	mu        sync.Mutex
	gone      sync.Cond // a connection has ended
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	draining  bool
}

// New returns a server without services.
func New(o Options) *Server {
	s := &Server{
		opts:      o,
		methods:   make(map[string]method),
		listeners: make(map[net.Listener]struct{}),
		conns:     make(map[*conn]struct{}),
	}
	s.gone.L = &s.mu
	return s
}

// Serve takes connections from l until l fails or the server is stopped, and then returns
// nil, once every connection and every handler has ended.
func (s *Server) Serve(l net.Listener) error {
	if !s.add(l) {
		return errors.Join(ErrStopped, l.Close())
	}
	err := s.accept(l)
	s.mu.Lock()
	delete(s.listeners, l)
	draining := s.draining
	s.mu.Unlock()
	if !draining {
		return err
	}
	s.wait()
	return nil
}

func (s *Server) add(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.listeners[l] = struct{}{}
	}
	return !s.draining
}

// accept takes connections. That a process has no more file descriptors passes, so that it
// is waited for.
func (s *Server) accept(l net.Listener) error {
	pause := time.Millisecond
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = time.Millisecond
			s.start(nc)
			continue
		}
		if temporary, ok := err.(interface{ Temporary() bool }); !ok || !temporary.Temporary() {
			return err
		}
		s.opts.log(slog.LevelError, "accept", err)
		time.Sleep(pause)
		pause = min(2*pause, time.Second)
	}
}

func (s *Server) start(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		_ = nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	go func() {
		c.serve()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		s.gone.Broadcast()
	}()
}

// GracefulStop takes no more connections and streams, and returns once all streams and
// their handlers have ended.
func (s *Server) GracefulStop() { s.stop((*conn).drain) }

// Stop ends all connections, and with them the contexts of all handlers, and returns once
// all handlers have.
func (s *Server) Stop() { s.stop((*conn).abort) }

func (s *Server) stop(end func(*conn)) {
	s.mu.Lock()
	s.draining = true
	for l := range s.listeners {
		_ = l.Close()
	}
	for c := range s.conns {
		end(c)
	}
	s.mu.Unlock()
	s.wait()
}

func (s *Server) wait() {
	s.mu.Lock()
	for len(s.conns) > 0 {
		s.gone.Wait()
	}
	s.mu.Unlock()
	s.handlers.Wait()
	s.workers.stop()
}

func (o *Options) log(level slog.Level, msg string, err error) {
	if o.Log != nil {
		o.Log.LogAttrs(context.Background(), level, "transport: "+msg, slog.String("error", err.Error()))
	}
}
