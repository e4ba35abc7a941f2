package proxy

import (
	"errors"
	"fmt"
	"mime"
	"strconv"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A direction is one half of an exchange: its rules, how far it has come, and the body
// that is being rewritten.
type direction struct {
	x        *exchange
	response bool
	plan     *plan // nil: no rules
	mode     wire.BodyMode
	head     message
	state    state
	body     rewriter

	sent int64 // bytes that left, or are about to
	size int   // bytes that came, in the state keeping
	kept *job  // what came, nil for nothing

	held    int       // bytes of the body that cannot leave yet, at most
	since   time.Time // when held was 0 last
	charged int64     // for held
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

// announced gives d its rules, and checks that Envoy will show bodies that have rules whole.
// It is asked before either direction begins: of a body that Envoy does not show, no
// message would ever tell, and it would pass in clear.
func (d *direction) announced(p *plan) error {
	d.plan, d.state = p, free
	if p == nil {
		return nil
	}
	d.state = expected
	switch d.mode {
	case wire.ModeBuffered, wire.ModeStreamed, wire.ModeFullDuplex:
		return nil
	}
	return refuse(codeMode, fmt.Errorf("the %s body mode of the route is %d", d.name(), d.mode))
}

// begin decides, at the headers, what becomes of the body that follows, and starts to
// fetch the keys that it will need.
func (d *direction) begin() error {
	if d.head.upgrade {
		return refuse(codeUpgrade, nil)
	}
	// 416 names a range, and has a whole body.
	if d.response && d.head.status == 206 || !d.response && d.head.contentRange {
		return refuse(codePartial, nil)
	}
	if d.head.contentType != "" && !d.head.empty {
		if found, err := d.format(); found.Format == nil || err != nil {
			return err
		}
	}
	d.body.start(d.x.rt.cache.Session(d.x.ctx, d.x.keyUse(d)), d.plan, d.x.counts)
	d.state = d.engine()
	return nil
}

// format returns what reads the body, by content type and encoding. It is nil with an
// error that refuses, or when the body passes unread because the policy says so.
func (d *direction) format() (codec.Detected, error) {
	found := formats.Table().Detect(d.head.contentType)
	f := found.Format
	switch {
	case f != nil && !d.head.headers && formats.Table().Canonical(d.head.contentType) != d.head.contentType:
		return found, refuse(codeType, errors.New("attributes stand in for headers, so that nobody would put the content type right"))
	case f != nil && d.head.identity():
		return found, nil
	case d.plan.passes(d.head.contentType):
	case d.response && !d.plan.seals && f == nil && (d.head.status >= 400 || foreign(d.head.contentType)):
		// The rules open what was sealed, and no codec can have sealed anything in this: a page, a
		// file, an error of the upstream or of Envoy. The service has acted, and nothing leaves
		// that it would not have shown.
	case f == nil:
		return found, refuse(codeType, nil)
	default:
		return codec.Detected{}, refuse(codeEncoding, nil)
	}
	d.state = passing
	d.x.counts.Passed[d.index()].Add(1)
	return codec.Detected{}, nil
}

// foreign reports whether no codec reads bodies of that type, whatever its parameters say.
// What is no type, or two, may be any.
func foreign(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && formats.Table().Detect(media).Format == nil
}

// open readies the writer at the first byte of a body with rules.
func (d *direction) open() error {
	if d.body.writer != nil {
		return nil
	}
	found, err := d.format()
	if found.Format == nil || err != nil {
		return err
	}
	return d.body.read(found, codec.Direction(d.index()), d.x.request.head.method)
}

// rewrite runs what j brings through the rules. With end it ends the body, and has the
// keys recorded that the whole of it used: else those of what can leave now.
func (d *direction) rewrite(j *job, end bool) error {
	if err := d.body.write(&j.out, j.body); err != nil {
		return err
	}
	if !end {
		return errors.Join(d.opened(j), d.body.session.Admit())
	}
	whole, err := d.body.finish(&j.out)
	if err != nil {
		return err
	}
	if err := d.opened(j); err != nil {
		return err
	}
	if whole {
		d.x.counts.Bodies[d.index()].Add(1)
	}
	if d.body.fields > 0 && (d.head.signed || d.head.digest) {
		d.x.counts.Signed[d.index()].Add(1)
	}
	d.state = over
	return nil
}

// opened refuses a body that is opened, and is longer than limits.body_bytes then: what
// was sealed at the limit is longer, and opens.
func (d *direction) opened(j *job) error {
	d.sent += int64(j.out.Len())
	if most := d.plan.OpenedBytes; most > 0 && d.sent-d.body.grown > most {
		return refuse(codeLarge, errors.New("the body is longer than limits.body_bytes once it is open"))
	}
	return nil
}

// close ends d, and records its key uses with cause as their outcome.
func (d *direction) close(cause error) {
	_ = d.body.close(cause) // what is refused stays refused
	d.forget()
	d.state = over
}

// changed reports whether the whole body, which j holds, was changed, and if so puts into
// reply what its headers have to say then.
func (d *direction) changed(j *job, reply *wire.Reply) bool {
	if d.body.fields == 0 {
		return false
	}
	bodyEdits(&d.head, reply)
	d.length(j.out.Len(), reply)
	return true
}

// length sets content-length, which is known when the body is whole. In BUFFERED mode with
// headers Envoy checks it; in FULL_DUPLEX_STREAMED it does not, and what came after so many bytes would
// be another message to the peer: n has to be what is sent.
func (d *direction) length(n int, r *wire.Reply) {
	if d.head.headers && d.head.hasLength {
		r.Set = append(r.Set, wire.Header{Name: "content-length", Value: strconv.Itoa(n)})
	}
}

// forget frees what is kept.
func (d *direction) forget() {
	if d.kept != nil {
		d.kept.free()
		d.kept = nil
	}
}
