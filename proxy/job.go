package proxy

import (
	"sync"
	"sync/atomic"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// maxChunk is the longest streamed reply, in bytes. Envoy's proto asks for at
// most 64 KiB (StreamedBodyResponse.body).
const maxChunk = 64 << 10

// A job owns the memory of one body message: what came, and what leaves. The
// output aliases the message's buffers. Both are kept until the transport has
// sent every reply made from them, and then cleared and recycled together.
// Clearing them earlier would put zeros, or another exchange's bytes, on the
// wire.
type job struct {
	out    codec.Output
	req    *wire.Request // owns body; nil: the caller does
	body   [][]byte
	own    []*[]byte // buffers that add has filled
	pieces [][]byte
	refs   atomic.Int32
	free   func() // j.unref, bound once: binding allocates
}

var jobs sync.Pool

// newJob returns a job that owns req, which may be nil. The caller has one
// reference, which it drops with free.
func newJob(req *wire.Request) *job {
	j, ok := jobs.Get().(*job)
	if !ok {
		j = new(job)
		j.free = j.unref
	}
	if j.req = req; req != nil {
		j.body = req.Body()
	}
	j.refs.Store(1)
	return j
}

// keep adds a reference, and returns the function that drops it: the Release of
// a reply.
func (j *job) keep() func() {
	j.refs.Add(1)
	return j.free
}

func (j *job) unref() {
	if j.refs.Add(-1) > 0 {
		return
	}
	j.out.Reset()
	if j.req != nil {
		j.req.Free()
		j.req = nil
	}
	for _, b := range j.own {
		codec.PutBuffer(b)
	}
	clear(j.own)
	j.own, j.body = j.own[:0], nil
	clear(j.pieces)
	j.pieces = j.pieces[:0]
	jobs.Put(j)
}

const (
	minOwn = 4 << 10
	maxOwn = 1 << 20
)

// add appends a later message of the body by copying it: the transport's
// buffers of many small chunks take far more memory than their bytes. have is
// how many bytes of the body have come. add returns the bytes of memory that it
// allocated. Call done before the body is read.
func (j *job) add(body [][]byte, have int) (taken int) {
	for _, p := range body {
		for len(p) > 0 {
			last := len(j.own) - 1
			if last < 0 || len(*j.own[last]) == cap(*j.own[last]) {
				j.own = append(j.own, codec.GetBuffer(min(max(len(p), have, minOwn), maxOwn)))
				last++
				taken += cap(*j.own[last])
			}
			b := j.own[last]
			n := min(len(p), cap(*b)-len(*b))
			*b = append(*b, p[:n]...)
			p = p[n:]
		}
	}
	return taken
}

// done joins the body and what add has appended.
func (j *job) done() {
	if len(j.own) == 0 {
		return
	}
	j.pieces = append(j.pieces, j.body...)
	for _, b := range j.own {
		j.pieces = append(j.pieces, *b)
	}
	j.body = j.pieces
}

// chunk returns the next segments, of at most maxChunk bytes together, and the
// rest. Both alias segs. A segment that is too long is split.
func (j *job) chunk(segs [][]byte) (head, rest [][]byte) {
	n := 0
	for i, s := range segs {
		if n+len(s) <= maxChunk {
			n += len(s)
			continue
		}
		if n > 0 {
			return segs[:i], segs[i:]
		}
		// The segment alone is too long: head is a part of it.
		j.pieces = append(j.pieces, s[:maxChunk])
		segs[i] = s[maxChunk:]
		return j.pieces[len(j.pieces)-1:], segs[i:]
	}
	return segs, nil
}
