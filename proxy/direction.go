package proxy

import (
	"errors"
	"fmt"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A direction is one half of an exchange: its plan, its state, and its body.
type direction struct {
	x        *exchange
	response bool
	state    state
	mode     wire.BodyMode
	plan     *plan // nil: no rules
	head     message
	media    codec.Detected // what head says of the body; zero without a plan
	body     rewriter
	coded    *coded // nil for a body without a content coding
	held     heldBody
	opened   int64 // bytes of the rewritten body that left, or are about to, without the growth by sealing
}

func (d *direction) name() string {
	if d.response {
		return "response"
	}
	return "request"
}

func (d *direction) headPhase() wire.Phase {
	if d.response {
		return wire.ResponseHeaders
	}
	return wire.RequestHeaders
}

func (d *direction) bodyPhase() wire.Phase {
	if d.response {
		return wire.ResponseBody
	}
	return wire.RequestBody
}

func (d *direction) index() int {
	if d.response {
		return 1
	}
	return 0
}

// setPlan gives d its plan, and refuses body modes in which Envoy would not
// send all of a body with rules. It is called before either direction begins:
// no message announces a body that Envoy does not send, and it would pass in
// clear.
func (d *direction) setPlan(p *plan) error {
	d.plan, d.state = p, free
	if p == nil {
		return nil
	}
	d.state = expected
	if p.PlacesOnly && !d.response {
		return nil // the headers come, and the body may pass
	}
	switch d.mode {
	case wire.ModeBuffered, wire.ModeStreamed, wire.ModeFullDuplex:
		return nil
	}
	return refuse(codeMode, fmt.Errorf("the %s body mode of the route is %d, which hides bodies; use FULL_DUPLEX_STREAMED", d.name(), d.mode))
}

// begin decides, at the headers, what happens to the body that follows, and
// starts to fetch the data keys that the body needs.
func (d *direction) begin() error {
	if d.head.upgrade {
		return refuse(codeUpgrade, nil)
	}
	if d.plan.PlacesOnly {
		d.state = passing
		return nil
	}
	// A 416 also has Content-Range, but a whole body.
	if d.response && d.head.status == 206 || !d.response && d.head.contentRange {
		return refuse(codePartial, nil)
	}
	d.media = formats.Table().Detect(d.head.contentType)
	if d.head.contentType != "" && !d.head.empty {
		if err := d.checkFormat(); err != nil || d.state == passing {
			return err
		}
	}
	d.body.start(d.x.rt.cache.Session(d.x.ctx, keyUse(d)), d.plan, d.x.counts)
	d.state = d.engine()
	return nil
}

// checkFormat refuses a body that no format reads, by content type and
// encoding. It sets the state passing when the policy lets the body pass
// unread.
func (d *direction) checkFormat() error {
	f, unread := d.media.Format, d.plan.Unread[d.media.Format]
	if unread != nil {
		f = nil
	}
	switch {
	case f != nil && !d.head.headers && d.media.Canonical != d.head.contentType:
		return refuse(codeType, errors.New("the content type is not in canonical form, and Envoy sends attributes in place of headers, which cannot be corrected"))
	case f != nil && (d.head.identity() || !d.plan.RefuseCoded && d.head.coded()):
		return nil
	}
	media, isForeign := d.plan.foreign(d.head.contentType)
	switch {
	case isForeign && d.plan.passes(media, d.head.contentType):
	case d.response && !d.plan.seals && f == nil && (d.head.status >= 400 || isForeign):
		// The plan only opens, and no codec can have sealed a value in this
		// body: a page, a file, an error of the upstream or of Envoy. The
		// service has acted, and the client sees only what the service sent.
	case f != nil:
		return refuse(codeEncoding, nil)
	case unread != nil:
		return refuseFormat(d.media.Format.Name+" on this route", unread)
	case isForeign && formats.Unread(media) != "":
		return refuseFormat(formats.Unread(media), nil)
	default:
		return refuse(codeType, nil)
	}
	d.state = passing
	d.x.counts.Passed[d.index()].Add(1)
	return nil
}

// open makes the writer at the first byte of a body with rules.
func (d *direction) open() error {
	if d.body.writer != nil {
		return nil
	}
	if err := d.checkFormat(); err != nil || d.state == passing {
		return err
	}
	b := codec.Body{Direction: codec.Direction(d.index()), Method: d.x.request.head.method, Path: d.x.request.head.path}
	b.Limits.Ratio = d.x.rt.policy.Limits.Ratio
	if !d.plan.RefuseCoded {
		b.Encoding = d.head.messageEncoding
	}
	if err := d.body.read(d.media, b); err != nil {
		return err
	}
	var err error
	d.coded, err = newCoded(d)
	return err
}

// rewrite runs the body of j through the rules, into j.out. It records the key
// uses of what can leave now, or with end those of the whole body.
func (d *direction) rewrite(j *job, end bool) error {
	hadBody := d.body.writer != nil
	if d.coded != nil {
		if err := d.coded.rewrite(j, end); err != nil || !end {
			return err
		}
	} else {
		if err := d.body.write(&j.out, j.body); err != nil {
			return err
		}
		if !end {
			return errors.Join(d.checkOpened(&j.out), d.body.session.Admit())
		}
		if err := d.body.finish(&j.out); err != nil {
			return err
		}
		if err := d.checkOpened(&j.out); err != nil {
			return err
		}
	}
	if hadBody {
		d.x.counts.rewritten(d.index(), d.media.Format)
	}
	if d.body.fields > 0 && (d.head.signed || d.head.digest) {
		d.x.counts.Signed[d.index()].Add(1)
	}
	d.state = over
	return nil
}

// checkOpened refuses a body that is longer than limits.body_bytes once opened.
// Growth by sealing does not count: what was sealed at the limit must open
// again.
func (d *direction) checkOpened(out *codec.Output) error {
	d.opened += int64(out.Len() - out.Growth())
	if most := d.plan.OpenedBytes; most > 0 && d.opened > most {
		return refuse(codeLarge, errors.New("the opened body is longer than limits.body_bytes"))
	}
	return nil
}

// close ends d, and records its key uses with cause as their outcome.
func (d *direction) close(cause error) {
	_ = d.body.close(cause) // what is refused stays refused
	d.coded.free()
	d.held.drop()
	d.state = over
}
