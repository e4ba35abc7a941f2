package proxy

import (
	"sync"
	"sync/atomic"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// maxChunk is the longest streamed reply; Envoy's proto asks for 64 KiB at most.
const maxChunk = 64 << 10

// A job is one body message on its way through: what came, and what leaves. The
// output aliases the message's buffers, so both are kept until the transport has
// sent every reply made from them, and are then cleared and recycled together.
// To clear them earlier would put zeros, or another exchange's bytes, on the wire.
type job struct {
	out    codec.Output
	req    *wire.Request // owns body; nil where nothing does
	body   [][]byte
	own    []*[]byte // buffers of chunks that came later; see add
	pieces [][]byte
	refs   atomic.Int32
	free   func() // j.unref, bound once
}

var jobs sync.Pool

// newJob takes req, and holds one reference for the caller.
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

// keep takes a reference for one more reply, whose Release is j.free.
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

// add copies what came later of the body: to keep the transport's buffers of many small
// chunks would take far more memory than their bytes. done must be called before the body is read.
// It returns how many bytes of memory that took.
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

// done joins what was added to the body.
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

// chunk returns the next run of segments of at most maxChunk bytes in all, and
// what is left. Both alias segs, whose elements may be split.
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
		// One segment alone is too long: the head is a part of it.
		j.pieces = append(j.pieces, s[:maxChunk])
		segs[i] = s[maxChunk:]
		return j.pieces[len(j.pieces)-1:], segs[i:]
	}
	return segs, nil
}
