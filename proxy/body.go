package proxy

import (
	"errors"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// body answers a body message of direction d. It owns req.
func (x *exchange) body(d *direction, req *wire.Request) error {
	j := newJob(req)
	defer j.free()
	if err := x.covered(d); err != nil {
		return err
	}
	if err := d.late(j); err != nil {
		return err
	}
	switch d.mode {
	case wire.ModeFullDuplex, wire.ModeGRPC:
		return x.duplex(d, j)
	case wire.ModeStreamed:
		return x.streamed(d, j)
	default:
		return x.buffered(d, j)
	}
}

// buffered answers the one message that holds a whole body. Trailers may follow
// it, so its end_of_stream says nothing.
func (x *exchange) buffered(d *direction, j *job) error {
	reply := x.answer(j.req.Phase)
	if d.plan == nil || d.ended {
		return x.send(reply)
	}
	if err := x.fits(size(j.body)); err != nil {
		return err
	}
	if err := d.rewrite(j, true); err != nil {
		return err
	}
	if d.changed(j, reply) {
		reply.Body, reply.Segments, reply.Release = wire.BodyReplaced, j.out.Segments(), j.keep()
	}
	x.left = x.left || d.response
	return x.send(reply)
}

// fits refuses a buffered body of n bytes that is longer than the policy allows.
func (x *exchange) fits(n int) error {
	if max := x.rt.policy.Limits.BufferedBytes; max > 0 && int64(n) > max {
		return refuse(codeLarge, nil)
	}
	return nil
}

// streamed answers one chunk with one chunk. Bytes that a chunk leaves open are
// sent with a later one; a complete JSON text leaves none for the trailers.
func (x *exchange) streamed(d *direction, j *job) error {
	reply := x.answer(j.req.Phase)
	if d.plan == nil || d.ended || d.pass {
		return x.send(reply)
	}
	if err := d.rewrite(j, j.req.EndOfStream); err != nil {
		return err
	}
	if err := d.admit(); err != nil {
		return err
	}
	if !d.pass {
		reply.Body, reply.Segments, reply.Release = wire.BodyReplaced, j.out.Segments(), j.keep()
	}
	return x.send(reply)
}

// duplex answers a chunk with whatever can leave, which may be nothing. After
// the end of a direction Envoy may send another empty end (envoy#46237): it is ignored.
func (x *exchange) duplex(d *direction, j *job) error {
	if d.ended {
		return nil
	}
	end, phase, segs := j.req.EndOfStream, j.req.Phase, j.body
	if d.owed {
		return x.gather(d, j, end)
	}
	if d.plan == nil {
		d.ended = end
		return x.emit(j, phase, segs, end)
	}
	if err := d.rewrite(j, end); err != nil {
		return err
	}
	if err := d.admit(); err != nil {
		return err
	}
	if !d.pass {
		segs = j.out.Segments()
	}
	return x.emit(j, phase, segs, end)
}

// emit sends segs as streamed replies, the last of them with the end of the body
// when end is set.
func (x *exchange) emit(j *job, phase wire.Phase, segs [][]byte, end bool) error {
	for {
		var head [][]byte
		head, segs = j.chunk(segs)
		last := len(segs) == 0
		if last && !end && size(head) == 0 {
			return nil
		}
		reply := x.answer(phase)
		reply.Body, reply.Segments, reply.End, reply.Release = wire.BodyStreamed, head, last && end, j.keep()
		if err := x.send(reply); err != nil || last {
			return err
		}
	}
}

func size(segs [][]byte) (n int) {
	for _, s := range segs {
		n += len(s)
	}
	return n
}

// trailers ends a direction whose peer sent trailers: no body message said that
// it was the last.
func (x *exchange) trailers(d *direction, phase wire.Phase) error {
	if err := x.covered(d); err != nil {
		return err
	}
	switch {
	case d.owed:
		if err := x.deliver(d, nil, false); err != nil {
			return err
		}
	case d.plan != nil && !d.ended:
		if err := x.flush(d); err != nil {
			return err
		}
	}
	d.ended = true
	return x.send(x.answer(phase))
}

// flush sends what the writer still held when the trailers came.
func (x *exchange) flush(d *direction) error {
	j := newJob(nil)
	defer j.free()
	if err := d.finish(j); err != nil {
		return err
	}
	if j.out.Len() == 0 {
		return nil
	}
	if d.mode != wire.ModeFullDuplex {
		return refuse(codeMode, errors.New("bytes held back at trailers: only FULL_DUPLEX_STREAMED can send them"))
	}
	return x.emit(j, d.bodyPhase(), j.out.Segments(), false)
}
