package proxy

// Where the policy says buffered and Envoy says FULL_DUPLEX_STREAMED, the body is kept here
// until it is complete; then its headers, with the new length, and the body leave together. The
// client and the upstream see what they would see of BUFFERED, refusals included. To Envoy it
// is one wait for each direction in place of two, and it holds no copy that could pass in clear.

// keep keeps j, a part of the body of d.
func (x *exchange) keep(d *direction, j *job) error {
	if err := x.grow(d, j); err != nil || size(j.body) == 0 {
		return err
	}
	if d.kept == nil {
		d.kept = j
		j.keep()
		return nil
	}
	d.kept.add(j.body, d.size)
	return nil
}

// grow counts the bytes of j in.
func (x *exchange) grow(d *direction, j *job) error {
	d.size += size(j.body)
	return x.fits(d.size)
}

// deliver sends the headers and the body of d, of which j is the last part. end says that no
// trailers follow.
func (x *exchange) deliver(d *direction, j *job, end bool) error {
	if err := x.grow(d, j); err != nil {
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
	err := x.emit(d, j, j.out.Segments(), end)
	d.forget()
	return err
}
