package proxy

import (
	"errors"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A rewriter seals and opens the values of one body, and records the key uses.
type rewriter struct {
	plan    *plan
	counts  *Counts
	session *keycache.Session // nil before start
	format  *codec.Format     // of writer
	writer  codec.Writer      // nil before the first byte, and at the end

	batch      []codec.Field // the field in transform, and those after it
	prefetched int           // fields of batch whose keys are being fetched
	reach      int           // how many fields to prefetch next time
	fields     int           // replaced so far
	matched    bool          // a rule has found a value
	keepNull   bool          // null is not sealed
}

// start begins to fetch the data keys that the body needs.
func (w *rewriter) start(s *keycache.Session, p *plan, c *Counts) {
	w.session, w.plan, w.counts = s, p, c
	if p.opens {
		s.OnMiss(w.prefetch)
	}
	for _, t := range p.warm {
		s.Warm(t)
	}
}

// read makes the writer for the body that was detected. said is what the
// message says of the body. Where a null deletes, it is not sealed by default.
func (w *rewriter) read(found codec.Detected, said codec.Body) error {
	b := w.plan.Body(found.Format)
	b.Transform, b.Params, b.Direction, b.Limits.Ratio = w.transform, found.Params, said.Direction, said.Limits.Ratio
	b.Method, b.Path, b.Encoding = said.Method, said.Path, said.Encoding
	writer, err := found.Format.New(b)
	if e, ok := errors.AsType[*codec.Error](err); ok && e.Code == codec.Malformed {
		return &codec.Error{Format: e.Format, Code: codec.BadParams, Detail: e.Detail} // New sees parameters, and no body
	}
	if err != nil {
		return err
	}
	w.format, w.writer = found.Format, writer
	w.keepNull = w.plan.Null == policy.KeepNull || w.plan.Null == policy.NullByType && found.NullDeletes
	return nil
}

// write writes the next pieces of the body, and adds to out what can leave.
func (w *rewriter) write(out *codec.Output, body [][]byte) error {
	for _, piece := range body {
		if len(piece) == 0 {
			continue
		}
		if err := w.writer.Write(out, piece); err != nil {
			return err
		}
	}
	return nil
}

// finish adds the end of the body to out, and records the key uses. Nothing
// that the keys produced may leave before.
func (w *rewriter) finish(out *codec.Output) error {
	if w.writer != nil {
		if err := w.writer.Close(out); err != nil {
			return err
		}
		if w.plan.RequireMatch && !w.matched {
			return refuse(codeMissing, nil)
		}
	}
	return w.close(nil)
}

// close frees what the rewriter holds, and records its key uses with cause as
// their outcome. Further calls do nothing.
func (w *rewriter) close(cause error) error {
	if w.writer != nil {
		w.writer.Free()
		w.writer = nil
	}
	if w.session == nil {
		return nil
	}
	return w.session.Close(cause)
}

// transform is the codec.Transform of the body.
func (w *rewriter) transform(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
	if len(batch) != len(w.batch)-1 {
		w.prefetched = 0 // a new batch
	}
	w.prefetched--
	w.batch, w.matched = batch, true
	f := &batch[0]
	tag := w.plan.tags[f.Rule]
	if !w.plan.Rules[f.Rule].Open {
		return w.seal(dst, tag, f)
	}
	if f.Kind != codec.Text {
		return w.unsealed(dst, f, &keycache.Error{Reason: keycache.NotEnvelope})
	}
	out, kind, err := w.session.Open(dst, tag, f.Value)
	if e, ok := errors.AsType[*keycache.Error](err); ok && e.Reason == keycache.NotEnvelope {
		return w.unsealed(dst, f, err)
	}
	w.count(&w.counts.Opened, err)
	return out, kind, err
}

// seal is transform for a value to be sealed.
func (w *rewriter) seal(dst []byte, tag *keycache.Tag, f *codec.Field) ([]byte, codec.Kind, error) {
	if w.keepNull && f.Null {
		w.counts.Null.Add(1)
		return dst, 0, codec.ErrKeep
	}
	if w.plan.Envelopes == policy.KeepEnvelopes && f.Kind == codec.Text && codec.HoldsEnvelope(f.Value, envelope.IsHead) {
		if err := w.prove(dst, tag, f.Value); err != nil {
			return dst, 0, err
		}
		return dst, 0, codec.ErrKeep
	}
	dst, err := w.session.Seal(dst, tag, f.Kind, f.Value)
	w.count(&w.counts.Sealed, err)
	return dst, codec.Text, err
}

// prove opens an envelope that stays in place of a value to be sealed, and
// clears the result. Sealing the envelope again would make the value
// unreadable.
func (w *rewriter) prove(dst []byte, tag *keycache.Tag, value []byte) error {
	out, _, err := w.session.Open(dst, tag, value)
	clear(out[len(dst):])
	if e, ok := errors.AsType[*keycache.Error](err); ok && e.Reason == keycache.NotEnvelope {
		return refuse(codeEnvelope, err) // the string holds more than an envelope
	}
	return err
}

type counter interface{ Add(uint64) uint64 }

func (w *rewriter) count(c counter, err error) {
	if err == nil {
		w.fields++
		c.Add(1)
	}
}

// Prefetching starts short and doubles. A body of forged envelopes fails at its
// first value, and has then cost few KMS calls. A body whose values open soon
// has as many calls in flight as the KMS allows.
const (
	firstReach = 8
	lastReach  = 1024
)

// prefetch is called when a data key is missing. It starts to unwrap the keys
// of the envelopes that follow, so that all are awaited together.
func (w *rewriter) prefetch() {
	if w.prefetched > 0 {
		return
	}
	w.reach = min(max(2*w.reach, firstReach), lastReach)
	rest := w.batch[1:min(len(w.batch), 1+w.reach)]
	w.prefetched = len(rest) + 1
	for i := range rest {
		if f := &rest[i]; f.Kind == codec.Text && w.plan.Rules[f.Rule].Open {
			w.session.Prefetch(w.plan.tags[f.Rule], f.Value)
		}
	}
}

// unsealed handles a value in clear in place of an envelope. A null stays, a
// migration lets plaintext pass, and anything else is refused with err.
func (w *rewriter) unsealed(dst []byte, f *codec.Field, err error) ([]byte, codec.Kind, error) {
	if f.Null {
		w.counts.Null.Add(1)
		return dst, 0, codec.ErrKeep
	}
	if until := w.plan.Rules[f.Rule].PlaintextUntil; !until.IsZero() && time.Now().Before(until) {
		if w.plan.Envelopes != policy.EnvelopesAreData && w.format.HoldsEnvelope(f, envelope.IsHead) {
			return dst, 0, refuse(codeEnvelope, err) // it could be cut out, and opened elsewhere
		}
		w.counts.Plaintext.Add(1)
		return dst, 0, codec.ErrKeep
	}
	return dst, 0, err
}
