package proxy

import (
	"errors"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// message takes a body message of direction d. It owns req.
func (x *exchange) message(d *direction, req *wire.Request) error {
	j := newJob(req)
	defer j.free()
	e := onPiece
	if req.EndOfStream {
		e = onLast
	}
	if d.underway() && size(j.body) > 0 {
		if err := x.open(d); err != nil {
			return err
		}
	}
	switch d.on(e) {
	case pass:
		return x.pass(d, j, req.EndOfStream)
	case keep:
		return x.keep(d, j)
	case deliver:
		return x.deliver(d, j, true)
	case replace:
		return x.replace(d, j)
	case rewrite:
		return x.rewrite(d, j, req.EndOfStream)
	case late:
		return x.late(d, j)
	}
	return violation()
}

// open readies d for bytes of a body. They may show that it need not be read; then the
// headers leave that were kept for it.
func (x *exchange) open(d *direction) error {
	was := d.state
	if err := d.open(); err != nil {
		return err
	}
	if was == keeping && d.state == passing {
		x.leaves(d)
		return x.send(x.head(d, false))
	}
	return nil
}

// pass gives the bytes of j back as they came: Envoy has a copy in every mode but full duplex.
func (x *exchange) pass(d *direction, j *job, end bool) error {
	d.state = passing
	if end {
		d.state = over
	}
	x.leaves(d)
	if d.duplex() {
		return x.emit(d, j, j.body, end)
	}
	return x.send(x.answer(d.bodyPhase()))
}

// late answers what comes after the end. To let bytes pass there would let them pass in clear.
func (x *exchange) late(d *direction, j *job) error {
	if size(j.body) > 0 {
		return refuse(codeProtocol, errors.New("a body after its end"))
	}
	if d.duplex() {
		return nil
	}
	return x.send(x.answer(d.bodyPhase()))
}

// duplex reports whether replies to a body are not bound to its messages.
func (d *direction) duplex() bool { return d.mode == wire.ModeFullDuplex || d.mode == wire.ModeGRPC }

// replace answers the one message that holds a whole body. Trailers may follow it, so its
// end_of_stream says nothing.
func (x *exchange) replace(d *direction, j *job) error {
	n := size(j.body)
	if err := x.fits(n); err != nil && !d.response {
		return err // Envoy has a limit of its own for both
	}
	if err := d.hold(n, true); err != nil {
		return err
	}
	if err := d.rewrite(j, true); err != nil {
		return err
	}
	reply := x.answer(d.bodyPhase())
	if d.changed(j, reply) {
		reply.Body, reply.Segments, reply.Release = wire.BodyReplaced, j.out.Segments(), j.keep()
	}
	x.leaves(d)
	if err := x.send(reply); err != nil {
		return err
	}
	return d.hold(0, true)
}

// fits refuses a buffered body of n bytes that is longer than the policy allows.
func (x *exchange) fits(n int) error {
	if max := x.rt.policy.Limits.BufferedBytes; max > 0 && int64(n) > max {
		return refuse(codeLarge, nil)
	}
	return nil
}

// rewrite answers a chunk with what can leave, which may be nothing: in full duplex with
// no message then, in STREAMED with an empty chunk.
func (x *exchange) rewrite(d *direction, j *job, end bool) error {
	if err := d.rewrite(j, end); err != nil {
		return err
	}
	if err := d.retain(size(j.body), j.out.Len(), end); err != nil {
		return err
	}
	if d.duplex() {
		return x.emit(d, j, j.out.Segments(), end)
	}
	reply := x.answer(d.bodyPhase())
	reply.Body, reply.Segments, reply.Release = wire.BodyReplaced, j.out.Segments(), j.keep()
	return x.send(reply)
}

// emit sends segs as streamed replies, the last of them with the end of the body
// when end is set.
func (x *exchange) emit(d *direction, j *job, segs [][]byte, end bool) error {
	for {
		var head [][]byte
		head, segs = j.chunk(segs)
		last := len(segs) == 0
		if last && !end && size(head) == 0 {
			return nil
		}
		reply := x.answer(d.bodyPhase())
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

// trailers ends a direction whose peer sent trailers: no body message said that it was
// the last.
func (x *exchange) trailers(d *direction, req *wire.Request) error {
	j := newJob(nil)
	defer j.free()
	var err error
	switch d.on(onTrailers) {
	case deliver:
		err = x.deliver(d, j, false)
	case finish:
		err = x.finish(d, j)
	case trail:
		d.state = over
	default:
		err = violation()
	}
	if err != nil {
		return err
	}
	return x.send(x.tail(d, req))
}

// finish sends what the writer still held when the trailers came.
func (x *exchange) finish(d *direction, j *job) error {
	if err := d.rewrite(j, true); err != nil {
		return err
	}
	if j.out.Len() == 0 {
		return nil
	}
	if !d.duplex() {
		return refuse(codeTrailers, errors.New("bytes held back at trailers: only FULL_DUPLEX_STREAMED can send them"))
	}
	return x.emit(d, j, j.out.Segments(), false)
}
