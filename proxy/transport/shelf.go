package transport

import "google.golang.org/grpc/mem"

const (
	crowd    = 8        // how many messages wait for a handler before short ones share buffers
	short    = 1 << 10  // up to which length they do, in bytes
	shelfLen = 16 << 10 // the length of a shared buffer
)

// A shelf is where short messages wait. The pool's buffers are far longer than they are: a
// peer could have us hold hundreds of times its window while a handler is held up.
type shelf struct {
	data *[]byte
	used int
	buf  mem.Buffer // of data; nil: there is none
}

// put moves m, of one buffer, onto the shelf.
func (s *shelf) put(m mem.BufferSlice, pool mem.BufferPool) {
	n := m[0].Len()
	if s.buf == nil || n > shelfLen-s.used {
		s.free()
		s.data = pool.Get(shelfLen)
		s.buf, s.used = mem.NewBuffer(s.data, pool), 0
	}
	copy((*s.data)[s.used:], m[0].ReadOnlyData())
	m[0].Free()
	m[0] = s.buf.Slice(s.used, s.used+n)
	s.used += n
}

// free gives the shelf up. Messages keep what they are on.
func (s *shelf) free() {
	if s.buf != nil {
		s.buf.Free()
	}
	*s = shelf{}
}
