package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A direction is one half of an exchange: its rules, the body that is being
// rewritten, and the keys that it used.
type direction struct {
	x        *exchange
	response bool
	plan     *plan // nil: this direction passes untouched
	mode     wire.BodyMode
	head     message
	headers  bool // the header message has come
	ended    bool // the whole direction has come

	session *keycache.Session
	writer  codec.Writer
	batch   []codec.Field // what Open is asked for now, and what comes after it
	covered int           // fields of batch, from now on, whose keys are being fetched
	reach   int           // how far to fetch ahead next time
	fields  int           // replaced so far
	pass    bool          // the body passes unread, explicitly

	owed bool // the reply to the headers waits for the whole body; see whole.go
	size int  // bytes of it so far
	kept *job // what has come of it, nil for nothing
}

func (d *direction) name() string {
	if d.response {
		return "response"
	}
	return "request"
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

// announced checks that Envoy will show this direction's bodies whole. It is asked
// before either direction begins: of a body that Envoy does not show, no message would
// ever tell, and it would pass in clear.
func (d *direction) announced() error {
	switch {
	case d.plan == nil, d.mode == wire.ModeBuffered, d.mode == wire.ModeStreamed, d.mode == wire.ModeFullDuplex:
		return nil
	}
	return refuse(codeMode, fmt.Errorf("the %s body mode of the route is %d", d.name(), d.mode))
}

// begin checks, at the headers, that the body to come can be protected, and
// starts to fetch the keys that it will need.
func (d *direction) begin() error {
	if d.plan == nil {
		return nil
	}
	if d.head.upgrade {
		return refuse(codeUpgrade, nil)
	}
	// 416 names a range, and has a whole body.
	if d.response && d.head.status == 206 || !d.response && d.head.contentRange {
		return refuse(codePartial, nil)
	}
	if d.head.contentType != "" && !d.head.empty {
		if err := d.checkBody(); err != nil {
			return err
		}
	}
	d.session = d.x.rt.cache.Session(d.x.ctx, d.x.keyUse(d))
	if d.plan.opens {
		d.session.OnMiss(d.prefetch)
	}
	for _, t := range d.plan.warm {
		d.session.Warm(t)
	}
	return nil
}

// checkBody decides by content type and encoding whether the body can be read,
// passes unread because the policy says so, or is refused.
func (d *direction) checkBody() error {
	format := codec.ForContentType(d.head.contentType)
	switch {
	case format != nil && !d.head.headers && codec.CanonicalContentType(d.head.contentType) != d.head.contentType:
		return refuse(codeType, errors.New("attributes stand in for headers, so that nobody would put the content type right"))
	case format != nil && d.head.identity():
		return nil
	case d.plan.passes(d.head.contentType):
	case d.response && d.head.status >= 400 && !d.plan.seals && format == nil:
		// An error page of the upstream, or a local reply of Envoy's: nothing in it is sealed.
	case format == nil:
		return refuse(codeType, nil)
	default:
		return refuse(codeEncoding, nil)
	}
	d.pass = true
	d.x.counts.Passed[d.index()].Add(1)
	return nil
}

// underway reports whether a body that is to be rewritten may still come: from its
// headers on. One that passes unread may stand still: such are event streams.
func (d *direction) underway() bool { return d.session != nil && !d.ended && !d.pass }

// late refuses what comes of a body that has ended: to answer it as if it had no rules
// would let it pass in clear.
func (d *direction) late(j *job) error {
	if d.plan != nil && d.ended && size(j.body) > 0 {
		return refuse(codeProtocol, errors.New("a body after its end"))
	}
	return nil
}

// open readies the writer at the first byte of the body.
func (d *direction) open() error {
	if d.writer != nil || d.pass {
		return nil
	}
	if d.session == nil {
		return refuse(codeProtocol, errors.New("body before headers"))
	}
	if err := d.checkBody(); err != nil || d.pass {
		return err
	}
	d.writer = codec.ForContentType(d.head.contentType).New(d.plan.Selector, d.transform, d.plan.Limits)
	return nil
}

// transform is the codec.Transform of this direction.
func (d *direction) transform(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
	if len(batch) != len(d.batch)-1 {
		d.covered = 0 // the first of a new batch
	}
	d.covered--
	d.batch = batch
	f := &batch[0]
	tag := d.plan.tags[f.Rule]
	if !d.plan.Rules[f.Rule].Open {
		dst, err := d.session.Seal(dst, tag, f.Kind, f.Value)
		d.count(&d.x.counts.Sealed, err)
		return dst, codec.Text, err
	}
	if f.Kind == codec.Literal {
		return d.unsealed(dst, f, &keycache.Error{Reason: keycache.NotEnvelope})
	}
	out, kind, err := d.session.Open(dst, tag, f.Value)
	if e, ok := errors.AsType[*keycache.Error](err); ok && e.Reason == keycache.NotEnvelope {
		return d.unsealed(dst, f, err)
	}
	d.count(&d.x.counts.Opened, err)
	return out, kind, err
}

type counter interface{ Add(uint64) uint64 }

func (d *direction) count(c counter, err error) {
	if err == nil {
		d.fields++
		c.Add(1)
	}
}

// How far prefetch looks ahead: a body of forged envelopes, which ends with its
// first value, costs few calls of a KMS, and one whose keys do open soon looks as far
// as the KMS is asked at once.
const (
	firstReach = 8
	lastReach  = 1024
)

// prefetch starts to unwrap the keys of the envelopes that follow one whose key is
// not there, so that all are waited for together.
func (d *direction) prefetch() {
	if d.covered > 0 {
		return
	}
	d.reach = min(max(2*d.reach, firstReach), lastReach)
	rest := d.batch[1:min(len(d.batch), 1+d.reach)]
	d.covered = len(rest) + 1
	for i := range rest {
		if f := &rest[i]; f.Kind == codec.Text && d.plan.Rules[f.Rule].Open {
			d.session.Prefetch(d.plan.tags[f.Rule], f.Value)
		}
	}
}

var null = []byte("null")

// unsealed decides on a value in clear where an envelope is expected: null has
// nothing to open, a migration window lets plaintext pass, all else is refused.
func (d *direction) unsealed(dst []byte, f *codec.Field, err error) ([]byte, codec.Kind, error) {
	if f.Kind == codec.Literal && bytes.Equal(f.Value, null) {
		d.x.counts.Null.Add(1)
		return dst, codec.Keep, nil
	}
	if until := d.plan.Rules[f.Rule].PlaintextUntil; !until.IsZero() && time.Now().Before(until) {
		d.x.counts.Plaintext.Add(1)
		return dst, codec.Keep, nil
	}
	return dst, codec.Keep, err
}

// rewrite feeds one body message to the writer, and ends the body when end is set.
func (d *direction) rewrite(j *job, end bool) error {
	for _, piece := range j.body {
		if len(piece) == 0 {
			continue
		}
		if err := d.open(); err != nil {
			return err
		}
		if d.pass {
			break
		}
		if err := d.writer.Write(&j.out, piece); err != nil {
			return err
		}
	}
	if !end {
		return nil
	}
	return d.finish(j)
}

// finish ends the body and records the keys that it used: nothing that they
// produced leaves before.
func (d *direction) finish(j *job) error {
	if d.writer != nil {
		if err := d.writer.Close(&j.out); err != nil {
			return err
		}
		d.x.counts.Bodies[d.index()].Add(1)
	}
	return d.close(nil)
}

// close frees what the direction holds, and records its key uses with cause as
// their outcome. It may be called again.
func (d *direction) close(cause error) error {
	if d.writer != nil {
		d.writer.Free()
		d.writer = nil
	}
	d.ended = true
	if d.session == nil {
		return nil
	}
	return d.session.Close(cause)
}

// admit makes sure that what is about to leave is recorded.
func (d *direction) admit() error {
	if d.session == nil || d.ended {
		return nil
	}
	return d.session.Admit()
}

// changed reports whether the whole body, which j holds, was changed, and if so puts into
// reply what its headers have to say then.
func (d *direction) changed(j *job, reply *wire.Reply) bool {
	if d.fields == 0 {
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
