package proxy

import (
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// Where the policy says buffered and Envoy says FULL_DUPLEX_STREAMED, the body is kept here
// until it is complete; then its headers, with the new length, and the body leave together. The
// client and the upstream see what they would see of BUFFERED, refusals included. To Envoy it
// is one wait for each direction in place of two, and it holds no copy that could pass in clear.

// whole reports whether the body of d is kept until it is complete.
func (d *direction) whole() bool {
	return d.plan != nil && d.plan.Mode == policy.Buffered && d.mode == wire.ModeFullDuplex && d.head.headers && !d.pass
}

// gather keeps one chunk, of which j is, and delivers the body after the last.
func (x *exchange) gather(d *direction, j *job, end bool) error {
	n := size(j.body)
	if n > 0 {
		if err := d.open(); err != nil {
			return err
		}
	}
	if d.pass { // as it turns out, it need not be read: nothing was kept yet
		d.owed = false
		x.left = x.left || d.response
		if err := x.send(x.head(d, false)); err != nil {
			return err
		}
		return x.duplex(d, j)
	}
	d.size += n
	if err := x.fits(d.size); err != nil {
		return err
	}
	if end && d.kept == nil {
		return x.deliver(d, j, true)
	}
	switch {
	case n == 0:
	case d.kept == nil:
		d.kept = j
		j.keep()
	default:
		d.kept.add(j.body, d.size)
	}
	if !end {
		return nil
	}
	return x.deliver(d, nil, true)
}

// deliver sends the headers and the body of d, which has come whole: what is kept, or j when
// that is not nil. end says that no trailers follow.
func (x *exchange) deliver(d *direction, j *job, end bool) error {
	switch {
	case j != nil:
	case d.kept != nil:
		j = d.kept
	default:
		j = newJob(nil)
		defer j.free()
	}
	j.done()
	if err := d.rewrite(j, true); err != nil {
		return err
	}
	reply := x.head(d, false)
	d.changed(j, reply)
	d.owed = false
	x.left = x.left || d.response
	if err := x.send(reply); err != nil {
		return err
	}
	err := x.emit(j, d.bodyPhase(), j.out.Segments(), end)
	d.forget()
	return err
}

// forget frees what is kept.
func (d *direction) forget() {
	if d.kept != nil {
		d.kept.free()
		d.kept = nil
	}
}
