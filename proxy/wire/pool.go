package wire

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"

	"github.com/sealmesh/sealmesh/codec"
)

// minBuffer is the smallest buffer: mem counts references only above 1 KiB of capacity.
const minBuffer = 2 << 10

// pool is a mem.BufferPool over codec's buffers, which come in power-of-two classes and
// are cleared when they come back, because they held plaintext.
type pool struct{}

// bufferPool is what replies are encoded in and, with PoolOption, what the transport
// reads into.
var bufferPool pool

// Pool returns what messages are to be received in: buffers that are cleared when they are freed.
func Pool() mem.BufferPool { return bufferPool }

// PoolOption makes a grpc.Server read messages into buffers that are cleared when they
// are freed. (HTTP/2 frames of up to 1 KiB bypass every pool of grpc-go, as do the read
// and write buffers of its connections, which are overwritten but not cleared.)
func PoolOption() grpc.ServerOption { return experimental.BufferPool(bufferPool) }

// Get returns a buffer of length n. Its bytes are zero.
func (pool) Get(n int) *[]byte {
	b := codec.GetBuffer(max(n, minBuffer))
	*b = (*b)[:n]
	return b
}

// Put clears and takes back a buffer from Get, or a prefix of it.
func (pool) Put(b *[]byte) { codec.PutBuffer(b) }
