package proxy

import (
	"errors"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

var errHeld = errors.New("a held body was not complete after limits.held")

// A heldBody is what a direction holds back of its body, and what that costs
// the caller's account.
type heldBody struct {
	job      *job // in the state holding: the body so far; nil for none
	received int  // in the state holding: bytes received

	bytes int       // most that is held back now; x is charged for it
	since time.Time // when bytes was 0 last
}

// hold keeps the piece until the body is complete. Then release sends the
// headers, with the new length, and the body together. Client and upstream see
// what they would see of BUFFERED mode, refusals included. For Envoy this is
// one wait for each direction, not two, and Envoy has no copy of the body that
// could pass in clear.
func (p piece) hold() error {
	d, h := p.d, &p.d.held
	n := size(p.job.body)
	tooLong := p.count()
	if tooLong != nil && !d.response || n == 0 {
		return tooLong
	}
	if h.job == nil {
		h.job, h.since = p.job, time.Now()
		p.job.keep()
	} else {
		n = h.bytes + h.job.add(p.job.body, h.received)
	}
	if time.Since(h.since) > d.x.rt.policy.Limits.Held {
		return refuse(codeIdle, errHeld)
	}
	err := h.charge(d.x, n, false)
	if d.response && (err != nil || tooLong != nil) {
		return p.flow()
	}
	return err
}

// count counts the bytes of the piece. It refuses a body that is too long to be
// held.
func (p piece) count() error {
	p.d.held.received += size(p.job.body)
	return p.d.x.rt.checkBuffered(p.d.held.received)
}

// checkBuffered refuses a buffered body of n bytes that is longer than
// limits.buffered_bytes.
func (rt *Runtime) checkBuffered(n int) error {
	if max := rt.policy.Limits.BufferedBytes; max > 0 && int64(n) > max {
		detail := fmt.Sprintf("longer than limits.buffered_bytes, which is %d", max)
		return &refusal{codeLarge, errors.New(detail), detail}
	}
	return nil
}

// flow stops holding a response that has no room, or that is longer than
// limits.buffered_bytes, perhaps only because it was sealed. The response is
// streamed from here on. The service has acted, so that a refusal would mislead
// the client; streaming costs only the content length.
func (p piece) flow() error {
	d, h := p.d, &p.d.held
	d.state = flowing
	d.x.counts.Flowed.Add(1)
	d.x.markSent(d)
	if err := d.x.send(d.headReply(false)); err != nil {
		return err
	}
	p.job = h.job
	p.job.done()
	if err := d.rewrite(p.job, false); err != nil {
		return err
	}
	n := max(0, h.received-p.job.out.Len())
	h.received, h.since = 0, time.Now()
	if err := p.emit(p.job.out.Segments()); err != nil {
		return err
	}
	h.drop()
	return h.charge(d.x, n, true)
}

// release sends the headers and the whole body, which the piece completes.
func (p piece) release() error {
	d, h := p.d, &p.d.held
	if err := p.count(); err != nil && !d.response {
		return err
	}
	if err := h.charge(d.x, h.bytes+size(p.job.body), d.response); err != nil {
		return err
	}
	if h.job != nil {
		h.job.add(p.job.body, h.received)
		p.job = h.job
		p.job.done()
	}
	if err := d.rewrite(p.job, true); err != nil {
		return err
	}
	reply := d.headReply(false)
	p.editHead(reply)
	d.x.markSent(d)
	if err := d.x.send(reply); err != nil {
		return err
	}
	segs := p.job.out.Segments()
	if d.coded != nil && d.body.fields == 0 {
		segs = p.job.body // as it came: the headers have its length
	}
	if err := p.emit(segs); err != nil {
		return err
	}
	h.drop()
	return h.charge(d.x, 0, d.response)
}

// charge charges x for n bytes that are held back. The first `within` bytes
// are free. Without force it refuses when there is no room.
func (h *heldBody) charge(x *exchange, n int, force bool) error {
	if more := max(0, n-within) - max(0, h.bytes-within); more != 0 {
		if err := x.charge(int64(more), force); err != nil {
			return err
		}
	}
	h.bytes = n
	return nil
}

// retain charges for what a codec holds back of a value that has not ended.
// came and freed are the bytes of the last message and those that left.
func (h *heldBody) retain(d *direction, came, freed int, end bool) error {
	n := h.bytes + came
	switch {
	case end:
		n = 0
	case freed > 0:
		n, h.since = max(0, came-freed), time.Now()
	case h.bytes == 0:
		h.since = time.Now()
	}
	return h.charge(d.x, n, d.response)
}

// patience returns how long the next message may take; 0 means no limit. A body
// that is held back in part must come at limits.rate and end within
// limits.held: a byte now and then does not renew the time.
func (h *heldBody) patience(l *policy.Limits) time.Duration {
	if h.bytes == 0 {
		return max(l.Exchange, 0)
	}
	came, most := h.bytes, l.Held
	if h.received > 0 {
		came = h.received
	}
	if l.Exchange > 0 {
		most = min(most, l.Exchange+time.Duration(float64(came)/float64(l.Rate)*float64(time.Second)))
	}
	rest := most - time.Since(h.since)
	if l.Exchange > 0 {
		rest = min(rest, l.Exchange)
	}
	return max(rest, 1) // when the time is over, a message that waits is still taken
}

// drop frees the held body.
func (h *heldBody) drop() {
	if h.job != nil {
		h.job.free()
		h.job = nil
	}
}
