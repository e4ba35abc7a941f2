package proxy

import (
	"errors"
	"strconv"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A piece is one body message of a direction. Each of its methods is one step
// of table.
type piece struct {
	d   *direction
	job *job
	end bool // the body ends here, and no trailers follow
}

// onBody handles a body message, whose memory the piece's job owns.
func (d *direction) onBody(req *wire.Request) error {
	p := piece{d, newJob(req), req.EndOfStream}
	defer p.job.free()
	e := onPiece
	if p.end {
		e = onLast
	}
	if d.underway() && size(p.job.body) > 0 {
		if err := p.open(); err != nil {
			return err
		}
	}
	switch d.on(e) {
	case pass:
		return p.pass()
	case hold:
		return p.hold()
	case release:
		return p.release()
	case replace:
		return p.replace()
	case rewrite:
		return p.rewrite()
	case afterEnd:
		return p.afterEnd()
	}
	return violation()
}

// onTrailers ends a direction whose body no message called complete.
func (d *direction) onTrailers(req *wire.Request) error {
	p := piece{d, newJob(nil), false}
	defer p.job.free()
	var err error
	switch d.on(onTrailers) {
	case release:
		err = p.release()
	case finish:
		err = p.finish()
	case passTrailers:
		d.state = over
	default:
		err = violation()
	}
	if err != nil {
		return err
	}
	return d.x.send(trailerReply(d, req))
}

// open makes the body's writer. The first byte may show that the body passes
// unread; then the held headers leave.
func (p piece) open() error {
	before := p.d.state
	if err := p.d.open(); err != nil {
		return err
	}
	if before == holding && p.d.state == passing {
		p.d.x.markSent(p.d)
		return p.d.x.send(p.d.headReply(false))
	}
	return nil
}

// pass sends the bytes as they came. Envoy has a copy in every mode but full
// duplex.
func (p piece) pass() error {
	d := p.d
	d.state = passing
	if p.end {
		d.state = over
	}
	d.x.markSent(d)
	if isDuplex(d.mode) {
		return p.emit(p.job.body)
	}
	return d.x.send(d.x.newReply(d.bodyPhase()))
}

// afterEnd answers an empty message after the end of the body. Bytes are
// refused: to let them pass would let them pass in clear.
func (p piece) afterEnd() error {
	if size(p.job.body) > 0 {
		return refuse(codeProtocol, errors.New("Envoy sent more of a body after its end"))
	}
	if isDuplex(p.d.mode) {
		return nil
	}
	return p.d.x.send(p.d.x.newReply(p.d.bodyPhase()))
}

// isDuplex reports whether replies to a body need not match its messages one by
// one.
func isDuplex(m wire.BodyMode) bool { return m == wire.ModeFullDuplex || m == wire.ModeGRPC }

// replace rewrites the whole body, which one message brings. Trailers may
// follow, so that end_of_stream says nothing here.
func (p piece) replace() error {
	d, n := p.d, size(p.job.body)
	if err := d.x.rt.checkBuffered(n); err != nil && !d.response {
		return err // Envoy has a limit of its own for both directions
	}
	if err := d.held.charge(d.x, n, d.response); err != nil {
		return err
	}
	if err := d.rewrite(p.job, true); err != nil {
		return err
	}
	reply := d.x.newReply(d.bodyPhase())
	if p.editHead(reply) {
		reply.Body, reply.Segments, reply.Release = wire.BodyReplaced, p.job.out.Segments(), p.job.keep()
	}
	d.x.markSent(d)
	if err := d.x.send(reply); err != nil {
		return err
	}
	return d.held.charge(d.x, 0, d.response)
}

// editHead adds to reply what the headers must say of the whole body, which the
// piece's job holds. It reports whether the body was changed.
func (p piece) editHead(reply *wire.Reply) bool {
	d := p.d
	if d.body.fields == 0 {
		return false
	}
	bodyEdits(&d.head, reply)
	// In BUFFERED mode Envoy checks the length. In FULL_DUPLEX_STREAMED it does
	// not: bytes past the length would be another message to the peer, so that
	// the length must be that of what is sent.
	if d.head.headers && d.head.hasLength {
		reply.Set = append(reply.Set, wire.Header{Name: "content-length", Value: strconv.Itoa(p.job.out.Len())})
	}
	return true
}

// rewrite sends what can leave. If nothing can, it sends no message in full
// duplex, and an empty chunk in STREAMED mode.
func (p piece) rewrite() error {
	d := p.d
	if err := d.rewrite(p.job, p.end); err != nil {
		return err
	}
	came, freed := size(p.job.body), p.job.out.Len()
	if d.coded != nil {
		came, freed = d.coded.took, d.coded.freed
	}
	if err := d.held.retain(d, came, freed, p.end); err != nil {
		return err
	}
	if isDuplex(d.mode) {
		return p.emit(p.job.out.Segments())
	}
	reply := d.x.newReply(d.bodyPhase())
	reply.Body, reply.Segments, reply.Release = wire.BodyReplaced, p.job.out.Segments(), p.job.keep()
	return d.x.send(reply)
}

// emit sends segs as streamed replies, the last of them with the end of the
// body when the piece is the last.
func (p piece) emit(segs [][]byte) error {
	for {
		var head [][]byte
		head, segs = p.job.chunk(segs)
		last := len(segs) == 0
		if last && !p.end && size(head) == 0 {
			return nil
		}
		reply := p.d.x.newReply(p.d.bodyPhase())
		reply.Body, reply.Segments, reply.End, reply.Release = wire.BodyStreamed, head, last && p.end, p.job.keep()
		if err := p.d.x.send(reply); err != nil || last {
			return err
		}
	}
}

// finish sends what the writer still held when the trailers came.
func (p piece) finish() error {
	if err := p.d.rewrite(p.job, true); err != nil {
		return err
	}
	if p.job.out.Len() == 0 {
		return nil
	}
	if !isDuplex(p.d.mode) {
		return refuse(codeTrailers, errors.New("bytes were held back when the trailers came, and only FULL_DUPLEX_STREAMED can send them"))
	}
	return p.emit(p.job.out.Segments())
}

func size(segs [][]byte) (n int) {
	for _, s := range segs {
		n += len(s)
	}
	return n
}
