package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// Options configure a Server. A field has no default unless its comment names
// one.
type Options struct {
	Codec      encoding.CodecV2 // encodes and decodes all messages
	Pool       mem.BufferPool   // holds received messages
	Metadata   []string         // request headers that handlers may read, in lower case
	MaxMessage int              // longest message that is accepted, in bytes
	Streams    uint32           // open streams per connection; 0: no limit
	Window     int32            // flow-control window of a stream, in bytes
	ConnWindow int32            // flow-control window of a connection, in bytes
	Log        *slog.Logger     // logs why connections ended; nil: no log
	Handshake  time.Duration    // limit for the client's preface and first SETTINGS
	Send       time.Duration    // limit for SendMsg to wait for the peer; 0: none
}

// ErrStopped is what Serve returns when the server was stopped before.
var ErrStopped = errors.New("transport: the server has been stopped")

// A Server serves gRPC services. Register all services before the first call
// of Serve. All other methods are safe for concurrent use.
type Server struct {
	opts     Options
	methods  map[string]method
	workers  workers
	handlers sync.WaitGroup

	mu        sync.Mutex
	connEnded sync.Cond
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
	s.connEnded.L = &s.mu
	return s
}

// RegisterService adds a service, as the method of *grpc.Server does
// (grpc.ServiceRegistrar). It must not be called after Serve.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	for _, m := range desc.Methods {
		s.methods["/"+desc.ServiceName+"/"+m.MethodName] = unary(m, impl)
	}
	for _, m := range desc.Streams {
		s.methods["/"+desc.ServiceName+"/"+m.StreamName] = func(st *stream) error { return m.Handler(impl, st) }
	}
}

// A method runs one RPC.
type method func(*stream) error

// unary makes a method of a handler that takes one message and returns one.
func unary(m grpc.MethodDesc, impl any) method {
	return func(st *stream) error {
		reply, err := m.Handler(impl, st.Context(), st.RecvMsg, nil)
		if err != nil {
			return err
		}
		return st.SendMsg(reply)
	}
}

// Serve serves connections of l. It returns the error of l.Accept, or nil when
// the server is stopped and every connection and handler has ended. It closes l
// when the server is stopped.
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

// accept accepts connections. It retries temporary errors: a process that is
// out of file descriptors recovers.
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
		s.connEnded.Broadcast()
	}()
}

// GracefulStop refuses new connections and streams, and returns when all
// streams and their handlers have ended.
func (s *Server) GracefulStop() { s.stop((*conn).drain) }

// Stop closes all connections, which ends the contexts of all handlers, and
// returns when all handlers have returned.
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
		s.connEnded.Wait()
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
