package wire

import (
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/mem"
)

const (
	// maxCopied is the length up to which a segment is copied. The transport
	// copies such a segment anyway, and a buffer of its own costs more. It must
	// be above 1 KiB: up to there mem.NewBuffer does not count references.
	maxCopied = 4 << 10

	// maxRun is the longest buffer that segments are copied to, in bytes.
	maxRun = 64 << 10
)

// An assembler encodes a reply as a list of buffers. It copies what is short,
// and refers to what is long.
type assembler struct {
	out   mem.BufferSlice
	root  mem.Buffer // owns buf
	buf   []byte
	start int // buf[start:end] is copied and not in out yet
	end   int
	small int // bytes of segments that are still to be copied
}

// assemble encodes r, followed by segments. r.Release is called when segments
// are no longer used.
func assemble(r *Reply, segments [][]byte) mem.BufferSlice {
	size, large := 0, 0
	a := assembler{}
	for _, s := range segments {
		size += len(s)
		if len(s) > maxCopied {
			large++
		} else {
			a.small += len(s)
		}
	}
	a.out = make(mem.BufferSlice, 0, 1+2*large+a.small/maxRun)
	a.begin(r, size)
	pool := r.holder(large)
	for i, s := range segments {
		if len(s) <= maxCopied {
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

// begin encodes all but the body, which has size bytes.
func (a *assembler) begin(r *Reply, size int) {
	bound := r.bound()
	a.grow(bound + min(a.small, maxRun))
	w := backward{buf: a.buf[:bound], at: bound, after: size}
	r.encode(&w)
	a.end = copy(a.buf, w.buf[w.at:])
}

// grow starts a new buffer of n bytes.
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

// cut adds to out what was copied since the last cut.
func (a *assembler) cut() {
	if a.end > a.start {
		a.out = append(a.out, a.root.Slice(a.start, a.end))
		a.start = a.end
	}
}

// A holder calls release when the transport has freed all large segments of a
// reply. It is the mem.BufferPool to which they return.
type holder struct {
	unfreed atomic.Int32
	release func()
}

// holders recycles holders.
var holders = sync.Pool{New: func() any { return new(holder) }}

// holder returns the pool for n large segments; nil if there is nothing to
// release.
func (r *Reply) holder(n int) mem.BufferPool {
	if n == 0 || r.Release == nil {
		return nil
	}
	h := holders.Get().(*holder)
	h.unfreed.Store(int32(n))
	h.release = r.Release
	return h
}

// Get completes mem.BufferPool. Nobody calls it.
func (*holder) Get(int) *[]byte { panic("wire: get from a holder") }

// Put counts a segment that the transport has freed.
func (h *holder) Put(*[]byte) {
	if h.unfreed.Add(-1) > 0 {
		return
	}
	release := h.release
	h.release = nil
	holders.Put(h)
	release()
}
