package proxy

import (
	"errors"
	"time"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

var errHeld = errors.New("a held body is not complete after limits.held")

// enter counts x in with its caller.
func (x *exchange) enter(caller []byte) (err error) {
	x.account, err = x.srv.budget.enter(caller, &x.rt.policy.Limits)
	x.charged = footing
	return overdrawn(err)
}

// overdrawn refuses for lack of room. A caller that takes all of its share is no
// operator's emergency.
func overdrawn(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errMemory):
		return refuse(codeBusy, err)
	}
	return refuse(codeShare, err)
}

// hold charges x for n bytes that are held of the body of d. Where there is no room a
// request is refused, with force or without; a response is charged with force alone,
// since the service has acted.
func (d *direction) hold(n int, force bool) error {
	d.held = n
	charge := int64(max(0, n-within))
	if charge == d.charged {
		return nil
	}
	x := d.x
	if err := x.srv.budget.grow(x.account, charge-d.charged, &x.rt.policy.Limits, force && d.response); err != nil {
		return overdrawn(err)
	}
	x.charged += charge - d.charged
	d.charged = charge
	return nil
}

// retain charges for what a codec keeps of a value that has not ended, given the bytes
// of the last message, and those that it let go.
func (d *direction) retain(came, left int, end bool) error {
	n := d.held + came
	switch {
	case end:
		n = 0
	case left > 0:
		n, d.since = max(0, came-left), time.Now()
	case d.held == 0:
		d.since = time.Now()
	}
	return d.hold(n, true)
}

// patience returns how long the next message of d may take, 0 for ever. A body of which
// bytes are held has to come at a rate, and by a time: that a byte comes now and then
// renews nothing.
func (d *direction) patience(l *policy.Limits) time.Duration {
	if d.held == 0 {
		return max(l.Exchange, 0)
	}
	came, most := d.held, l.Held
	if d.size > 0 {
		came = d.size
	}
	if l.Exchange > 0 {
		most = min(most, l.Exchange+time.Duration(float64(came)/float64(l.Rate)*float64(time.Second)))
	}
	left := most - time.Since(d.since)
	if l.Exchange > 0 {
		left = min(left, l.Exchange)
	}
	return max(left, 1) // late already: what waits is still taken
}
