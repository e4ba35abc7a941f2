package transport

import (
	"runtime"
	"time"

	"google.golang.org/grpc/mem"
)

// maxQueued is how much a connection queues before senders wait, in bytes.
const maxQueued = 256 << 10

// send queues a message of st.
func (c *conn) send(st *stream, data mem.BufferSlice) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := st.out.init(data)
	defer c.wakeWriter()
	var late *time.Timer
	for left > 0 {
		if bound := c.srv.opts.Send; bound > 0 && late == nil && !c.writable(st) {
			late = time.AfterFunc(bound, func() { st.fail(errSlow) })
			defer late.Stop()
		}
		if err := c.wait(st); err != nil {
			return err
		}
		if !st.headed {
			st.headed = true
			c.out.headers(st.id, false, fieldOK, fieldGRPC)
		}
		n := int(min(int64(min(left, c.out.maxFrame)), st.window, c.out.window))
		c.out.data(st.id, n, &st.out)
		st.window -= int64(n)
		left -= n
	}
	return nil
}

// wait waits until a byte of st may be queued. The caller holds mu.
func (c *conn) wait(st *stream) error {
	for {
		if err := st.failure(); err != nil {
			return err
		}
		if c.writable(st) {
			return nil
		}
		c.wakeWriter()
		c.room.Wait()
	}
}

// writable reports whether a byte of st may be queued. The caller holds mu.
func (c *conn) writable(st *stream) bool {
	return st.window > 0 && c.out.window > 0 && c.out.batch.size < maxQueued
}

// finish ends st, whose handler returned err.
func (c *conn) finish(st *stream, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handlers--
	c.room.Broadcast()
	if c.streams[st.id] != st {
		return
	}
	delete(c.streams, st.id)
	c.conclude(st, 200, err)
	c.wakeWriter()
	if c.finished() {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // wakes the reader, which ends the connection
	}
}

// answer ends st, which has no handler.
func (c *conn) answer(st *stream, httpStatus int, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.control++
	c.conclude(st, httpStatus, err)
	return c.control()
}

// wakeWriter has the writer write what is queued. The caller holds mu.
func (c *conn) wakeWriter() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// write writes what is queued until the connection ends.
func (c *conn) write() {
	for {
		select {
		case <-c.kick:
			runtime.Gosched() // handlers that are ready to run have replies to add
			c.flush()
		case <-c.done:
			c.flush()
			return
		}
	}
}

// flush writes what is queued. When it fails, the reader is told so by its own error.
func (c *conn) flush() {
	c.mu.Lock()
	b := c.out.batch
	if b.size == 0 {
		c.mu.Unlock()
		return
	}
	c.out.batch, c.out.spare, c.out.control, c.out.last = c.out.spare, nil, 0, frame{}
	c.room.Broadcast()
	c.mu.Unlock()
	if err := b.write(c.rw); err != nil {
		c.abort()
	}
	b.reset()
	c.mu.Lock()
	c.out.spare = b
	c.mu.Unlock()
}
