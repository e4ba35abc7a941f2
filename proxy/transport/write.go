package transport

import (
	"runtime"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/mem"
)

const (
	maxWindow  = 1<<31 - 1 // RFC 9113 section 6.9.1
	maxQueued  = 256 << 10 // bytes queued on a connection before senders wait
	maxControl = 1000      // queued frames that only answer the peer's
)

// send queues a message of st. It waits for the peer to open its windows.
func (c *conn) send(st *stream, data mem.BufferSlice) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := st.out.init(data)
	defer c.signalWriter()
	var late *time.Timer
	for left > 0 {
		if bound := c.srv.opts.Send; bound > 0 && late == nil && !c.writable(st) {
			late = time.AfterFunc(bound, func() { st.fail(errSlow) })
			defer late.Stop()
		}
		if err := c.waitWritable(st); err != nil {
			return err
		}
		if !st.headersSent {
			st.headersSent = true
			c.out.headers(st.id, false, fieldOK, fieldGRPC)
		}
		n := int(min(int64(min(left, c.out.maxFrame)), st.window, c.out.window))
		c.out.data(st.id, n, &st.out)
		st.window -= int64(n)
		left -= n
	}
	return nil
}

// waitWritable waits until a byte of st may be queued. The caller holds mu.
func (c *conn) waitWritable(st *stream) error {
	for {
		if err := st.failure(); err != nil {
			return err
		}
		if c.writable(st) {
			return nil
		}
		c.signalWriter()
		c.progress.Wait()
	}
}

// writable reports whether a byte of st may be queued. The caller holds mu.
func (c *conn) writable(st *stream) bool {
	return st.window > 0 && c.out.window > 0 && c.out.batch.size < maxQueued
}

// setInitialWindow changes the windows of all streams by the difference to the
// last initial size (RFC 9113 section 6.9.2). The caller holds mu.
func (c *conn) setInitialWindow(size int64) error {
	delta := size - c.out.initial
	c.out.initial = size
	for _, st := range c.streams {
		if st.window += delta; st.window > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
	}
	c.progress.Broadcast()
	return nil
}

// returnCredit lets the peer send n more bytes on st, once that is worth a
// frame.
func (c *conn) returnCredit(st *stream, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st.unannounced += n; st.unannounced < int(c.srv.opts.Window)/4 || c.streams[st.id] != st {
		return
	}
	c.out.windowUpdate(st.id, st.unannounced)
	st.credit += st.unannounced
	st.unannounced = 0
	c.signalWriter()
}

// answerPeer signals the writer after a frame was queued that only answers the
// peer's. It fails when too many wait: a peer that keeps asking and does not
// read would take our memory. The caller holds mu.
func (c *conn) answerPeer() error {
	if c.out.control > maxControl {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	c.signalWriter()
	return nil
}

// finishStream ends st, whose handler returned err.
func (c *conn) finishStream(st *stream, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handlers--
	c.progress.Broadcast()
	if c.streams[st.id] != st {
		return
	}
	delete(c.streams, st.id)
	c.queueStatus(st, 200, err)
	c.signalWriter()
	if c.drained() {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // wakes the reader, which ends the connection
	}
}

// refuseCall ends st, which has no handler.
func (c *conn) refuseCall(st *stream, httpStatus int, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.control++
	c.queueStatus(st, httpStatus, err)
	return c.answerPeer()
}

// signalWriter makes the writer write what is queued. The caller holds mu.
func (c *conn) signalWriter() {
	select {
	case c.writeReady <- struct{}{}:
	default:
	}
}

// write writes what is queued until the connection ends.
func (c *conn) write() {
	for {
		select {
		case <-c.writeReady:
			runtime.Gosched() // lets handlers that are ready add their replies
			c.flush()
		case <-c.done:
			c.flush()
			return
		}
	}
}

// flush writes what is queued. On failure it closes the socket; the reader then
// fails and ends the connection.
func (c *conn) flush() {
	c.mu.Lock()
	b := c.out.batch
	if b.size == 0 {
		c.mu.Unlock()
		return
	}
	c.out.batch, c.out.spare, c.out.control, c.out.last = c.out.spare, nil, 0, frame{}
	c.progress.Broadcast()
	c.mu.Unlock()
	if err := b.write(c.rw); err != nil {
		c.abort()
	}
	b.reset()
	c.mu.Lock()
	c.out.spare = b
	c.mu.Unlock()
}
