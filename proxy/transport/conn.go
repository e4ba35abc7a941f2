package transport

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	readBuffer     = 32 << 10 // of a connection; longer DATA payloads are read past it
	maxFrame       = 16 << 10 // SETTINGS_MAX_FRAME_SIZE, the protocol's default
	maxHeaders     = 16 << 10 // SETTINGS_MAX_HEADER_LIST_SIZE
	initialWindow  = 65535    // of both directions, until told otherwise (RFC 9113 6.9.2)
	defaultStreams = 1 << 31
	lastWord       = time.Second // how long a peer may take to read why its connection ends
)

// A conn is one HTTP/2 connection. What is not under mu belongs to the goroutine that reads.
type conn struct {
	srv    *Server
	nc     net.Conn // to close, at any time
	rw     net.Conn // the same socket, to read and to write: see quiet
	br     *bufio.Reader
	framer *http2.Framer // reads
	repeat repeater
	credit int    // what the peer may still send on the connection, in bytes
	lastID uint32 // the highest stream that the peer has opened

	mu       sync.Mutex
	room     sync.Cond          // a window has grown, what was queued is written, or a handler has ended
	streams  map[uint32]*stream // open: neither reset nor answered to the end
	handlers int                // running; those of streams that were reset among them
	out      outbox
	ready    bool   // the peer speaks HTTP/2
	broken   bool   // nc has been closed
	closed   bool   // nothing more is taken
	draining bool   // GOAWAY has been sent
	accepted uint32 // and its last stream, from the second GOAWAY on; see drain

	kick chan struct{} // there is something to write
	done chan struct{} // nothing will be written any more
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{
		srv:      s,
		nc:       nc,
		rw:       quieten(nc),
		credit:   int(max(s.opts.ConnWindow, initialWindow)),
		streams:  make(map[uint32]*stream),
		accepted: 1<<31 - 1,
		kick:     make(chan struct{}, 1),
		done:     make(chan struct{}),
	}
	c.room.L = &c.mu
	c.out.init()
	c.out.settings(&s.opts) // the first that the peer is to hear
	_ = nc.SetDeadline(time.Now().Add(s.opts.Handshake))
	return c
}

// serve runs the connection until it ends.
func (c *conn) serve() {
	err := c.shake()
	if err == nil {
		var writer sync.WaitGroup
		writer.Go(c.write)
		err = c.read()
		c.end(err)
		writer.Wait()
		c.linger()
	}
	c.abort()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		c.srv.opts.log(slog.LevelDebug, "connection", err)
	}
}

// abort breaks the connection. The caller does not hold mu.
func (c *conn) abort() {
	_ = c.nc.Close()
	c.mu.Lock()
	c.broken = true
	c.mu.Unlock()
	c.room.Broadcast()
}

// shake reads the client's preface, before the deadline that newConn has set and
// greeting lifts.
func (c *conn) shake() error {
	c.br = bufio.NewReaderSize(c.rw, readBuffer)
	var preface [len(http2.ClientPreface)]byte
	if _, err := io.ReadFull(c.br, preface[:]); err != nil {
		return err
	}
	if string(preface[:]) != http2.ClientPreface {
		return errors.New("the client does not speak HTTP/2")
	}
	c.framer = http2.NewFramer(nil, c.br)
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(maxFrame)
	c.framer.MaxHeaderListSize = maxHeaders
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = true
	c.wakeWriter()
	return nil
}

// end fails all streams and has the writer write what is left: the reason, if it is the
// peer's fault.
func (c *conn) end(err error) {
	c.mu.Lock()
	if code, ok := errors.AsType[http2.ConnectionError](err); ok {
		c.out.goAway(min(c.lastID, c.accepted), http2.ErrCode(code))
	} else if errors.Is(err, http2.ErrFrameTooLarge) {
		c.out.goAway(min(c.lastID, c.accepted), http2.ErrCodeFrameSize)
	}
	c.closed = true
	streams := c.streams
	c.streams = nil
	c.mu.Unlock()
	for _, st := range streams {
		st.fail(errBroken)
	}
	c.room.Broadcast()
	_ = c.nc.SetWriteDeadline(time.Now().Add(lastWord))
	close(c.done)
}

// linger says that nothing follows, and passes over what the peer still sends. To close a
// connection on unread bytes resets it, and what the peer has not read of ours is lost.
func (c *conn) linger() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(lastWord))
	_, _ = io.Copy(io.Discard, c.nc)
}

// drain asks the peer to open no more streams, and ends the connection once those that
// there are have ended. Streams that it opens before it has heard are served: which those
// are is known when it answers the ping (RFC 9113 6.8).
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining || c.closed {
		return
	}
	c.draining = true
	if !c.ready { // it may still say what it came for, if it does so now
		_ = c.nc.SetReadDeadline(time.Now().Add(lastWord))
	}
	c.out.goAway(1<<31-1, http2.ErrCodeNo)
	c.out.ping(false, drainPing)
	c.wakeWriter()
}

// drainPing is the ping by whose answer the peer says that it has read GOAWAY.
var drainPing = [8]byte{'s', 'e', 'a', 'l', 'm', 'e', 's', 'h'}

// heard is called when the peer has read GOAWAY: any stream from now on came after it.
func (c *conn) heard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.draining || c.accepted != 1<<31-1 {
		return
	}
	c.accepted = c.lastID
	c.out.goAway(c.lastID, http2.ErrCodeNo)
	c.wakeWriter()
}

// finished reports whether a draining connection has no more to do.
func (c *conn) finished() bool {
	return c.draining && c.accepted != 1<<31-1 && len(c.streams) == 0
}
