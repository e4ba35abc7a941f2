package wire

import (
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/mem"
)

// coalesce is the length up to which a segment is copied: the transport copies it anyway,
// and a buffer of its own costs more. It is above the length (1 KiB) up to which
// mem.NewBuffer does not count references.
const coalesce = 4 << 10

// maxRun bounds a buffer that segments are copied to.
const maxRun = 64 << 10

// An assembler puts a message together from what it copies and what it only refers to.
type assembler struct {
	out   mem.BufferSlice
	root  mem.Buffer // owns buf
	buf   []byte
	start int // buf[start:end] is copied, and not yet in out
	end   int
	small int // bytes still to be copied
}

// assemble encodes r, followed by segments, and sees to it that r.Release is called.
func assemble(r *Reply, segments [][]byte) mem.BufferSlice {
	size, large := 0, 0
	a := assembler{}
	for _, s := range segments {
		size += len(s)
		if len(s) > coalesce {
			large++
		} else {
			a.small += len(s)
		}
	}
	a.out = make(mem.BufferSlice, 0, 1+2*large+a.small/maxRun)
	a.begin(r, size)
	pool := r.holder(large)
	for i, s := range segments {
		if len(s) <= coalesce {
			a.copy(s)
			continue
		}
		a.cut()
		a.out = append(a.out, mem.NewBuffer(&segments[i], pool))
	}
	a.cut()
	a.root.Free()
	if large == 0 {
		r.released()
	}
	return a.out
}

// begin encodes all but the body, of the given size.
func (a *assembler) begin(r *Reply, size int) {
	bound := r.bound()
	a.grow(bound + min(a.small, maxRun))
	w := backward{buf: a.buf[:bound], at: bound, after: size}
	r.encode(&w)
	a.end = copy(a.buf, w.buf[w.at:])
}

// grow begins a new buffer of n bytes.
func (a *assembler) grow(n int) {
	p := bufferPool.Get(n)
	a.root, a.buf = mem.NewBuffer(p, bufferPool), *p
	a.start, a.end = 0, 0
}

func (a *assembler) copy(s []byte) {
	a.small -= len(s)
	for len(s) > 0 {
		if a.end == len(a.buf) {
			a.cut()
			a.root.Free()
			a.grow(min(len(s)+a.small, maxRun))
		}
		n := copy(a.buf[a.end:], s)
		a.end += n
		s = s[n:]
	}
}

// cut puts what was copied since the last cut into out.
func (a *assembler) cut() {
	if a.end > a.start {
		a.out = append(a.out, a.root.Slice(a.start, a.end))
		a.start = a.end
	}
}

// A holder counts the large segments of a reply that the transport has not freed yet. It
// is the pool that mem returns them to.
type holder struct {
	left    atomic.Int32
	release func()
}

// holders recycles holders.
var holders = sync.Pool{New: func() any { return new(holder) }}

// holder returns the pool for n large segments; nil, which counts nothing, when nobody
// wants to know.
func (r *Reply) holder(n int) mem.BufferPool {
	if n == 0 || r.Release == nil {
		return nil
	}
	h := holders.Get().(*holder)
	h.left.Store(int32(n))
	h.release = r.Release
	return h
}

// Get is there for mem.BufferPool; nobody gets from a holder.
func (*holder) Get(int) *[]byte { panic("wire: get from a holder") }

func (h *holder) Put(*[]byte) {
	if h.left.Add(-1) > 0 {
		return
	}
	release := h.release
	h.release = nil
	holders.Put(h)
	release()
}
