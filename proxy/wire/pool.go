package wire

import (
	"math/bits"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"
)

const (
	minClass = 11 // 2 KiB: mem counts references only above 1 KiB
	maxClass = 24 // 16 MiB; above, buffers are not kept
)

// pool is a mem.BufferPool in power-of-two classes that clears a buffer when it comes
// back, because it held plaintext; so it need not clear one that it hands out. grpc's own
// has nothing between 32 KiB and 1 MiB, and clears on the way out.
type pool struct {
	classes [maxClass + 1]sync.Pool
}

// bufferPool is what replies are encoded in and, with PoolOption, what the transport
// reads into.
var bufferPool = new(pool)

// PoolOption makes a grpc.Server read messages into buffers that are cleared when they
// are freed. (HTTP/2 frames of up to 1 KiB bypass every pool of grpc-go, as do the read
// and write buffers of its connections, which are overwritten but not cleared.)
func PoolOption() grpc.ServerOption { return experimental.BufferPool(bufferPool) }

// Get returns a buffer of length n. Its bytes are zero.
func (p *pool) Get(n int) *[]byte {
	class := max(bits.Len(uint(max(n, 1)-1)), minClass)
	if class > maxClass {
		b := make([]byte, n)
		return &b
	}
	if b, ok := p.classes[class].Get().(*[]byte); ok {
		*b = (*b)[:n]
		return b
	}
	b := make([]byte, n, 1<<class)
	return &b
}

// Put takes back a buffer from Get, or a prefix of it.
func (p *pool) Put(b *[]byte) {
	*b = (*b)[:cap(*b)]
	clear(*b)
	if class := bits.Len(uint(cap(*b))) - 1; cap(*b) == 1<<class && class >= minClass && class <= maxClass {
		p.classes[class].Put(b)
	}
}
