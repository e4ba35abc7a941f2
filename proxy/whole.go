package proxy

import "time"

// Where the policy says buffered and Envoy says FULL_DUPLEX_STREAMED, the body is kept here
// until it is complete; then its headers, with the new length, and the body leave together. The
// client and the upstream see what they would see of BUFFERED, refusals included. To Envoy it
// is one wait for each direction in place of two, and it holds no copy that could pass in clear.

// keep keeps j, a part of the body of d.
func (x *exchange) keep(d *direction, j *job) error {
	n := size(j.body)
	long := x.grow(d, j)
	if long != nil && !d.response || n == 0 {
		return long
	}
	if d.kept == nil {
		d.kept, d.since = j, time.Now()
		j.keep()
	} else {
		n = d.held + d.kept.add(j.body, d.size)
	}
	if time.Since(d.since) > x.rt.policy.Limits.Held {
		return refuse(codeIdle, errHeld)
	}
	err := d.hold(n, false)
	if d.response && (err != nil || long != nil) {
		return x.flow(d)
	}
	return err
}

// grow counts the bytes of j in.
func (x *exchange) grow(d *direction, j *job) error {
	d.size += size(j.body)
	return x.fits(d.size)
}

// flow gives up keeping a response for which there is no room, or that is longer than
// limits.buffered_bytes, perhaps since it is sealed: it goes on as a streamed one. The service has acted, so that to refuse it would be a lie, and to go on costs
// the length alone.
func (x *exchange) flow(d *direction) error {
	d.state = flowing
	x.counts.Flowed.Add(1)
	x.leaves(d)
	if err := x.send(x.head(d, false)); err != nil {
		return err
	}
	j := d.kept
	j.done()
	if err := d.rewrite(j, false); err != nil {
		return err
	}
	n := max(0, d.size-j.out.Len())
	d.size, d.since = 0, time.Now()
	if err := x.emit(d, j, j.out.Segments(), false); err != nil {
		return err
	}
	d.forget()
	return d.hold(n, true)
}

// deliver sends the headers and the body of d, of which j is the last part. end says that no
// trailers follow.
func (x *exchange) deliver(d *direction, j *job, end bool) error {
	if err := x.grow(d, j); err != nil && !d.response {
		return err
	}
	if err := d.hold(d.held+size(j.body), true); err != nil {
		return err
	}
	if d.kept != nil {
		d.kept.add(j.body, d.size)
		j = d.kept
		j.done()
	}
	if err := d.rewrite(j, true); err != nil {
		return err
	}
	reply := x.head(d, false)
	d.changed(j, reply)
	x.leaves(d)
	if err := x.send(reply); err != nil {
		return err
	}
	if err := x.emit(d, j, j.out.Segments(), end); err != nil {
		return err
	}
	d.forget()
	return d.hold(0, true)
}
