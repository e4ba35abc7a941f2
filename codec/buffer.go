package codec

import (
	"math/bits"
	"sync"
)

// Sizes of pooled buffers: powers of two from 1 KiB to 4 MiB. Longer buffers
// are not pooled, since a pool would keep their memory for nothing.
const (
	minBufferBits = 10
	maxBufferBits = 22
)

var buffers [maxBufferBits - minBufferBits + 1]sync.Pool

// GetBuffer returns an empty buffer with room for at least n bytes. Ask for
// enough: an append past the capacity leaves the old memory, uncleared, to the
// garbage collector. Safe for concurrent use.
//
// The pool is exported for the transport, which holds the same plaintext. The
// pools of gRPC clear a buffer only when it is taken, so a body would stay in
// idle memory until then.
func GetBuffer(n int) *[]byte {
	class := bufferClass(n)
	if class >= len(buffers) {
		b := make([]byte, 0, n)
		return &b
	}
	if b, ok := buffers[class].Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 1<<(class+minBufferBits))
	return &b
}

// PutBuffer clears the whole capacity of b and gives b back to the pool. The
// caller must not use b or a slice of it afterwards.
func PutBuffer(b *[]byte) {
	whole := (*b)[:cap(*b)]
	clear(whole)
	*b = whole[:0]
	class := bufferClass(len(whole))
	if class < len(buffers) && len(whole) == 1<<(class+minBufferBits) {
		buffers[class].Put(b)
	}
}

// bufferClass returns the index of the smallest class that holds n bytes.
func bufferClass(n int) int {
	return max(bits.Len(uint(max(n, 1)-1))-minBufferBits, 0)
}

// A Held keeps a copy of an incomplete value or name from one chunk to the
// next. Its memory comes from the pool, and is cleared before it returns to the
// pool, also when the Held grows. The zero value is ready. Not safe for
// concurrent use.
type Held struct{ buf *[]byte }

// Add appends a copy of p.
func (h *Held) Add(p []byte) {
	if len(p) == 0 {
		return
	}
	need := h.Len() + len(p)
	if h.buf == nil || cap(*h.buf) < need {
		b := GetBuffer(need + need/2)
		if h.buf != nil {
			*b = append(*b, *h.buf...)
			PutBuffer(h.buf)
		}
		h.buf = b
	}
	*h.buf = append(*h.buf, p...)
}

// Bytes returns what is held. It is valid until the next Add or Drop.
func (h *Held) Bytes() []byte {
	if h.buf == nil {
		return nil
	}
	return *h.buf
}

// Len returns the number of bytes held.
func (h *Held) Len() int { return len(h.Bytes()) }

// Drop clears what is held.
func (h *Held) Drop() {
	if h.buf != nil {
		PutBuffer(h.buf)
		h.buf = nil
	}
}

// Cut drops the first n bytes.
func (h *Held) Cut(n int) {
	switch n {
	case 0:
		return
	case h.Len():
		h.Drop()
		return
	}
	kept := copy(*h.buf, (*h.buf)[n:])
	clear((*h.buf)[kept:])
	*h.buf = (*h.buf)[:kept]
}
