package proxy

import (
	"errors"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A rewriter seals and opens the values of one body, and has the uses of keys recorded.
type rewriter struct {
	plan    *plan
	counts  *Counts
	session *keycache.Session // nil before start
	format  *codec.Format     // of writer
	writer  codec.Writer      // nil before the first byte, and at the end

	batch   []codec.Field // what Open is asked for now, and what comes after it
	covered int           // fields of batch, from now on, whose keys are being fetched
	reach   int           // how far to fetch ahead next time
	fields  int           // replaced so far
	grown   int64         // by how many bytes sealing has made the body longer
	matched bool          // some rule has found a value
	nulls   bool          // null stays where a value is to be sealed
}

// start begins to fetch the keys that the body will need.
func (w *rewriter) start(s *keycache.Session, p *plan, c *Counts) {
	w.session, w.plan, w.counts = s, p, c
	if p.opens {
		s.OnMiss(w.prefetch)
	}
	for _, t := range p.warm {
		s.Warm(t)
	}
}

// read readies the writer, before the first byte, for the body that was found.
func (w *rewriter) read(found codec.Detected, direction codec.Direction, method string) error {
	b := w.plan.Body(found.Format)
	b.Transform, b.Params, b.Direction, b.Method = w.transform, found.Params, direction, method
	writer, err := found.Format.New(b)
	if err != nil {
		return err
	}
	w.format, w.writer = found.Format, writer
	w.nulls = w.plan.Null == policy.KeepNull || w.plan.Null == policy.NullByType && found.NullDeletes
	return nil
}

// write adds to out what can leave, given the next pieces of the body.
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

// finish adds the end of the body to out, and records the keys that it used: nothing
// that they produced may leave before. whole says that there was a body.
func (w *rewriter) finish(out *codec.Output) (whole bool, err error) {
	if whole = w.writer != nil; whole {
		if err := w.writer.Close(out); err != nil {
			return false, err
		}
		if w.plan.RequireMatch && !w.matched {
			return false, refuse(codeMissing, nil)
		}
	}
	return whole, w.close(nil)
}

// close frees what the rewriter holds, and records its key uses with cause as their
// outcome. It may be called again.
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

// transform is the codec.Transform of this body.
func (w *rewriter) transform(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
	if len(batch) != len(w.batch)-1 {
		w.covered = 0 // the first of a new batch
	}
	w.covered--
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
	if w.nulls && f.Null {
		w.counts.Null.Add(1)
		return dst, 0, codec.ErrKeep
	}
	if w.plan.Envelopes == policy.KeepEnvelopes && f.Kind == codec.Text && codec.HoldsEnvelope(f.Value, envelope.IsHead) {
		if err := w.prove(dst, tag, f.Value); err != nil {
			return dst, 0, err
		}
		return dst, 0, codec.ErrKeep
	}
	n := len(dst)
	dst, err := w.session.Seal(dst, tag, f.Kind, f.Value)
	w.grown += int64(len(dst) - n - len(f.Value))
	if f.Kind == codec.Literal {
		w.grown += 2 // quotes
	}
	w.count(&w.counts.Sealed, err)
	return dst, codec.Text, err
}

// prove opens an envelope that is to stay where a value would be sealed, and
// clears what was in it: sealed once more, nobody would ever see the value again.
func (w *rewriter) prove(dst []byte, tag *keycache.Tag, value []byte) error {
	out, _, err := w.session.Open(dst, tag, value)
	clear(out[len(dst):])
	if e, ok := errors.AsType[*keycache.Error](err); ok && e.Reason == keycache.NotEnvelope {
		return refuse(codeEnvelope, err) // there is more in the string than one
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

// How far prefetch looks ahead: a body of forged envelopes, which ends with its
// first value, costs few calls of a KMS, and one whose keys do open soon looks as far
// as the KMS is asked at once.
const (
	firstReach = 8
	lastReach  = 1024
)

// prefetch starts to unwrap the keys of the envelopes that follow one whose key is
// not there, so that all are waited for together.
func (w *rewriter) prefetch() {
	if w.covered > 0 {
		return
	}
	w.reach = min(max(2*w.reach, firstReach), lastReach)
	rest := w.batch[1:min(len(w.batch), 1+w.reach)]
	w.covered = len(rest) + 1
	for i := range rest {
		if f := &rest[i]; f.Kind == codec.Text && w.plan.Rules[f.Rule].Open {
			w.session.Prefetch(w.plan.tags[f.Rule], f.Value)
		}
	}
}

// unsealed decides on a value in clear where an envelope is expected: null has
// nothing to open, a migration window lets plaintext pass, all else is refused.
func (w *rewriter) unsealed(dst []byte, f *codec.Field, err error) ([]byte, codec.Kind, error) {
	if f.Null {
		w.counts.Null.Add(1)
		return dst, 0, codec.ErrKeep
	}
	if until := w.plan.Rules[f.Rule].PlaintextUntil; !until.IsZero() && time.Now().Before(until) {
		if w.plan.Envelopes != policy.EnvelopesAreData && w.format.HoldsEnvelope(f, envelope.IsHead) {
			return dst, 0, refuse(codeEnvelope, err) // cut out, it would open elsewhere
		}
		w.counts.Plaintext.Add(1)
		return dst, 0, codec.ErrKeep
	}
	return dst, 0, err
}
