package transport

import (
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/mem"
)

// An inbox is the receiving half of a stream: the message that is being put
// together, and messages that wait for the handler.
type inbox struct {
	pool mem.BufferPool

	// The reader owns next while filling is set, or while the handler runs. When
	// the handler has returned, whichever of the two sees it last frees next.
	next        assembly
	halfClosed  bool  // reader's: the peer has closed its side
	contentLeft int64 // reader's: bytes left of content-length; -1: none was given

	mu          sync.Mutex
	arrival     sync.Cond         // messages, ended or failed has changed
	messages    []mem.BufferSlice // complete; the first `taken` have been taken
	taken       int
	small       smallBuffers    // hold short messages
	spare       mem.BufferSlice // empty, for the next message to be put together in
	unreturned  int             // bytes of credit kept back until no message waits
	ended       bool            // the peer has closed its side: no message follows
	failed      error           // the stream has ended; waiting messages are dropped
	filling     bool            // the reader fills next
	handlerDone bool
}

// startFill reports whether the stream still wants messages, and if so gives
// next to the reader until endFill.
func (in *inbox) startFill() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.filling = in.failed == nil; in.filling && in.next.pieces == nil {
		in.next.pieces, in.spare = in.spare, nil
	}
	return in.filling
}

// endFill ends what startFill began, after the peer has used n bytes of credit.
// It returns how much credit the peer gets back: all, unless messages wait.
func (in *inbox) endFill(n int) (credit int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.filling = false
	if in.handlerDone {
		in.next.free(in.pool)
		return 0
	}
	in.unreturned += n
	if in.waiting() == 0 {
		credit, in.unreturned = in.unreturned, 0
	}
	return credit
}

// put hands a message to the handler.
func (in *inbox) put(m mem.BufferSlice) {
	in.mu.Lock()
	if in.failed != nil {
		in.mu.Unlock()
		m.Free()
		return
	}
	if in.waiting() >= coalesceAfter && len(m) == 1 && m[0].Len() <= maxSmall {
		in.small.put(m, in.pool)
	}
	in.messages = append(in.messages, m)
	in.mu.Unlock()
	in.arrival.Signal()
}

// setContentLength notes the peer's content-length, which the lengths of all
// DATA must add up to (RFC 9113 section 8.1.1).
func (in *inbox) setContentLength(n int64) (ok bool) {
	if in.contentLeft >= 0 && in.contentLeft != n {
		return false
	}
	in.contentLeft = n
	return true
}

// countContent counts n bytes of DATA. It is false past the content-length.
func (in *inbox) countContent(n int) (ok bool) {
	if in.contentLeft < 0 {
		return true
	}
	in.contentLeft = max(in.contentLeft-int64(n), -1)
	return in.contentLeft >= 0
}

// halfClose closes the peer's side. It is false when the peer has closed it too
// early.
func (in *inbox) halfClose() (ok bool) {
	in.halfClosed = true
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.failed != nil {
		return true
	}
	if in.next.partial() || in.contentLeft > 0 {
		return false
	}
	in.ended = true
	in.arrival.Signal()
	return true
}

// take waits for a message, for at most bound when bound is more than 0. credit
// is what the peer may send for it. The error is os.ErrDeadlineExceeded after
// bound, and io.EOF when the peer has closed its side.
func (in *inbox) take(bound time.Duration) (m mem.BufferSlice, credit int, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	var deadline time.Time
	if bound > 0 && in.empty() {
		deadline = time.Now().Add(bound)
		defer time.AfterFunc(bound, in.wake).Stop()
	}
	for in.empty() {
		if bound > 0 && !time.Now().Before(deadline) {
			return nil, 0, os.ErrDeadlineExceeded
		}
		in.arrival.Wait()
	}
	switch {
	case in.failed != nil:
		return nil, 0, in.failed
	case in.waiting() == 0:
		return nil, 0, io.EOF
	}
	m, in.messages[in.taken] = in.messages[in.taken], nil
	in.taken++
	if in.waiting() == 0 {
		in.messages, in.taken = in.messages[:0], 0
		in.small.free()
		credit, in.unreturned = in.unreturned, 0
	}
	return m, credit, nil
}

// recycle keeps the slice of a message whose buffers have been freed.
func (in *inbox) recycle(m mem.BufferSlice) {
	clear(m)
	in.mu.Lock()
	in.spare = m[:0]
	in.mu.Unlock()
}

// waiting returns how many messages wait. The caller holds mu.
func (in *inbox) waiting() int { return len(in.messages) - in.taken }

// empty reports whether a receiver has to wait. The caller holds mu.
func (in *inbox) empty() bool { return in.waiting() == 0 && !in.ended && in.failed == nil }

// wake makes a waiting receiver look again. It takes mu: a receiver that is
// about to wait would miss the signal.
func (in *inbox) wake() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.arrival.Signal()
}

// fail ends the stream with err and frees the waiting messages. It may be
// called with conn.mu held.
func (in *inbox) fail(err error) {
	in.mu.Lock()
	in.drop(err)
	in.mu.Unlock()
	in.arrival.Signal()
}

// close is fail for a handler that has returned. A goroutine that the handler
// left behind may still be in take.
func (in *inbox) close() {
	in.mu.Lock()
	in.handlerDone = true
	filling := in.filling
	in.drop(errReset)
	in.mu.Unlock()
	in.arrival.Signal()
	if !filling {
		in.next.free(in.pool)
	}
}

// drop frees the waiting messages. The caller holds mu.
func (in *inbox) drop(err error) {
	if in.failed == nil {
		in.failed = err
	}
	for _, m := range in.messages[in.taken:] {
		m.Free()
	}
	in.messages, in.taken = nil, 0
	in.small.free()
}

// failure returns why the stream has ended; nil while it has not.
func (in *inbox) failure() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.failed
}
