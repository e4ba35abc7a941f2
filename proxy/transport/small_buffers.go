package transport

import "google.golang.org/grpc/mem"

const (
	coalesceAfter  = 8        // messages that wait before short ones share buffers
	maxSmall       = 1 << 10  // longest message that shares a buffer, in bytes
	smallBufferLen = 16 << 10 // length of a shared buffer, in bytes
)

// smallBuffers holds short messages that wait for a handler. The pool's buffers
// are far longer than such messages: without sharing, a peer could make us hold
// hundreds of times its window while a handler is slow.
type smallBuffers struct {
	data *[]byte
	used int
	buf  mem.Buffer // owns data; nil: there is none
}

// put moves m, which has one buffer, into the shared buffer.
func (s *smallBuffers) put(m mem.BufferSlice, pool mem.BufferPool) {
	n := m[0].Len()
	if s.buf == nil || n > smallBufferLen-s.used {
		s.free()
		s.data = pool.Get(smallBufferLen)
		s.buf, s.used = mem.NewBuffer(s.data, pool), 0
	}
	copy((*s.data)[s.used:], m[0].ReadOnlyData())
	m[0].Free()
	m[0] = s.buf.Slice(s.used, s.used+n)
	s.used += n
}

// free drops the shared buffer. Messages in it keep it until they are freed.
func (s *smallBuffers) free() {
	if s.buf != nil {
		s.buf.Free()
	}
	*s = smallBuffers{}
}
