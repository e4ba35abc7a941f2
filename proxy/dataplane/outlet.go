package dataplane

import (
	"errors"
	"io"
	"sync"
)

// A gauge counts the bytes of a direction that this process holds. The reader
// of the direction pauses when there are too many, as it does at Envoy's
// watermarks.
type gauge struct {
	mu    sync.Mutex
	moved sync.Cond
	bytes int
	open  bool // nobody waits any more
}

func newGauge() *gauge {
	g := new(gauge)
	g.moved.L = &g.mu
	return g
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	g.bytes += n
	g.mu.Unlock()
	g.moved.Broadcast()
}

// wait waits until at most limit bytes are held.
func (g *gauge) wait(limit int) {
	g.mu.Lock()
	for g.bytes > limit && !g.open {
		g.moved.Wait()
	}
	g.mu.Unlock()
}

// release ends all waiting for good.
func (g *gauge) release() {
	g.mu.Lock()
	g.open = true
	g.mu.Unlock()
	g.moved.Broadcast()
}

// An outlet is the queue between the filter and the client or the upstream.
// Writing never blocks.
type outlet struct {
	mu     sync.Mutex
	filled sync.Cond
	queue  [][]byte
	err    error // what Read returns when the queue is empty; io.EOF after end
	gauge  *gauge
	atEnd  func() // called before io.EOF is returned
}

func newOutlet(g *gauge) *outlet {
	o := &outlet{gauge: g}
	o.filled.L = &o.mu
	return o
}

func (o *outlet) write(data []byte) {
	if len(data) == 0 {
		return
	}
	o.gauge.add(len(data))
	o.mu.Lock()
	o.queue = append(o.queue, data)
	o.mu.Unlock()
	o.filled.Signal()
}

// end makes Read return err after the queued bytes. The first end counts.
func (o *outlet) end(err error) {
	o.mu.Lock()
	if o.err == nil {
		o.err = err
	}
	o.mu.Unlock()
	o.filled.Signal()
}

// next returns the next piece, and whether another one is queued.
func (o *outlet) next() (data []byte, more bool, err error) {
	o.mu.Lock()
	for len(o.queue) == 0 && o.err == nil {
		o.filled.Wait()
	}
	if len(o.queue) == 0 {
		err = o.err
		o.mu.Unlock()
		if errors.Is(err, io.EOF) && o.atEnd != nil {
			o.atEnd()
		}
		return nil, false, err
	}
	data, o.queue = o.queue[0], o.queue[1:]
	more = len(o.queue) > 0 || o.err != nil
	o.mu.Unlock()
	o.gauge.add(-len(data))
	return data, more, nil
}

// A body is an outlet as the body of an upstream request.
type body struct {
	*outlet
	rest []byte
}

func (b *body) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		var err error
		if b.rest, _, err = b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close wakes a Read that net/http has left waiting.
func (b *body) Close() error {
	b.end(io.ErrClosedPipe)
	return nil
}
