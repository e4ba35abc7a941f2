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
