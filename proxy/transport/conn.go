package transport

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

const (
	maxFrame       = 16 << 10 // SETTINGS_MAX_FRAME_SIZE, the protocol's default
	maxHeaders     = 16 << 10 // SETTINGS_MAX_HEADER_LIST_SIZE
	initialWindow  = 65535    // both directions, before SETTINGS (RFC 9113 section 6.9.2)
	maxStreamID    = 1<<31 - 1
	defaultStreams = 1 << 31
	closeTimeout   = time.Second // for a peer to read why its connection ends
)

// A conn is one HTTP/2 connection: what its reader, its writer and its handlers
// share.
type conn struct {
	srv *Server
	nc  net.Conn // may be closed at any time
	rw  net.Conn // the same socket, for reads and writes: see rawConn

	mu       sync.Mutex
	progress sync.Cond          // a window or the outbox has room, or a handler has ended
	streams  map[uint32]*stream // open: neither reset nor answered to the end
	handlers int                // running, those of reset streams included
	out      outbox
	ready    bool   // the peer has sent the HTTP/2 preface
	broken   bool   // nc has been closed
	closed   bool   // no frame is accepted any more
	draining bool   // GOAWAY has been sent
	lastOpen uint32 // last stream ID in the final GOAWAY; maxStreamID until the drain ping is acknowledged

	writeReady chan struct{} // the outbox holds something
	done       chan struct{} // closed when nothing more will be queued
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{
		srv:        s,
		nc:         nc,
		rw:         newRawConn(nc),
		streams:    make(map[uint32]*stream),
		lastOpen:   maxStreamID,
		writeReady: make(chan struct{}, 1),
		done:       make(chan struct{}),
	}
	c.progress.L = &c.mu
	c.out.init()
	c.out.settings(&s.opts) // must be our first frame (RFC 9113 section 3.4)
	_ = nc.SetDeadline(time.Now().Add(s.opts.Handshake))
	return c
}

// serve runs the connection until it ends.
func (c *conn) serve() {
	r := newReader(c)
	err := r.handshake()
	if err == nil {
		var writer sync.WaitGroup
		writer.Go(c.write)
		err = r.read()
		r.end(err)
		writer.Wait()
		c.linger()
	}
	c.abort()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		c.srv.opts.log(slog.LevelDebug, "connection", err)
	}
}

// abort closes the socket. The caller does not hold mu.
func (c *conn) abort() {
	_ = c.nc.Close()
	c.mu.Lock()
	c.broken = true
	c.mu.Unlock()
	c.progress.Broadcast()
}

// linger closes our side and discards what the peer still sends (nginx calls
// this a lingering close). Closing a socket with unread bytes resets it, and
// the peer would lose what it has not read yet.
func (c *conn) linger() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(closeTimeout))
	_, _ = io.Copy(io.Discard, c.nc)
}

// drain asks the peer to open no more streams, and ends the connection when all
// open streams have ended. Streams that the peer opens before it has read the
// GOAWAY are served. The peer's answer to the ping marks where those end (RFC
// 9113 section 6.8).
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining || c.closed {
		return
	}
	c.draining = true
	if !c.ready { // a client that connected just now may still send its preface
		_ = c.nc.SetReadDeadline(time.Now().Add(closeTimeout))
	}
	c.out.goAway(maxStreamID, http2.ErrCodeNo)
	c.out.ping(false, drainPing)
	c.signalWriter()
}

// drainPing is the payload of the ping that follows GOAWAY.
var drainPing = [8]byte{'s', 'e', 'a', 'l', 'm', 'e', 's', 'h'}

// drained reports whether a draining connection has no stream left. The caller
// holds mu.
func (c *conn) drained() bool {
	return c.draining && c.lastOpen != maxStreamID && len(c.streams) == 0
}

// checkDrained returns io.EOF when the connection is drained.
func (c *conn) checkDrained() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drained() {
		return io.EOF
	}
	return nil
}

// startStream runs the handler of st. While a peer opens and resets streams
// faster than their handlers end (CVE-2023-44487), or does not read its
// replies, startStream blocks, and with it the reader.
func (c *conn) startStream(st *stream) {
	st.begin()
	c.mu.Lock()
	for !c.broken && (uint64(c.handlers) >= 2*c.srv.opts.maxStreams() || c.out.batch.size > 2*maxQueued) {
		c.progress.Wait()
	}
	st.window = c.out.initial
	c.streams[st.id] = st
	c.handlers++
	c.mu.Unlock()
	c.srv.handlers.Add(1)
	c.srv.workers.run(st)
}

// maxStreams returns the limit of open streams on a connection.
func (o *Options) maxStreams() uint64 {
	if o.Streams == 0 {
		return defaultStreams
	}
	return uint64(o.Streams)
}
