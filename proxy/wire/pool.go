package wire

import (
	"google.golang.org/grpc/mem"

	"github.com/sealmesh/sealmesh/codec"
)

// minBuffer is the smallest buffer: mem counts references only above 1 KiB of capacity.
const minBuffer = 2 << 10

// pool is a mem.BufferPool over codec's buffers, which come in power-of-two classes and
// are cleared when they come back, because they held plaintext.
type pool struct{}

// bufferPool is what replies are encoded in.
var bufferPool pool

// Pool returns what messages are to be received in: buffers that are cleared when they are freed.
func Pool() mem.BufferPool { return bufferPool }

// Get returns a buffer of length n. Its bytes are zero.
func (pool) Get(n int) *[]byte {
	b := codec.GetBuffer(max(n, minBuffer))
	*b = (*b)[:n]
	return b
}

// Put clears and takes back a buffer from Get, or a prefix of it.
func (pool) Put(b *[]byte) { codec.PutBuffer(b) }
