package proxy

import (
	"bytes"
	"errors"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/form"
	"github.com/sealmesh/sealmesh/proxy/places"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

var errTargetEnvelope = errors.New("the path or the query holds an envelope, and no rule opens it there")

// checkTarget refuses a request target that holds an envelope which no rule
// takes, on routes whose request bodies may hold none. A service that stores a
// part of the target would send the envelope back in a response, which opens
// it.
func (r *route) checkTarget(target string) error {
	if r.request == nil || r.request.Envelopes == policy.EnvelopesAreData || !holdsEnvelope(target) {
		return nil
	}
	rest, err := r.untaken(target)
	if err == nil && holdsEnvelope(rest) {
		err = refuse(codeEnvelope, errTargetEnvelope)
	}
	return err
}

// untaken returns target without the values whose envelopes a rule takes.
func (r *route) untaken(target string) (string, error) {
	if r.request.beside == nil {
		return target, nil
	}
	spans, err := r.segments(target, r.request.beside[places.Path])
	if err != nil {
		return "", err
	}
	path, query, _ := strings.Cut(target, "?")
	var rest strings.Builder
	done := 0
	for _, s := range spans {
		if r.request.takes(s.Rule) {
			rest.WriteString(path[done:s.Begin])
			done = s.End
		}
	}
	rest.WriteString(path[done:])
	rest.WriteByte('?')
	if q := r.request.query; q != nil {
		query, err = q.untakenQuery(query)
	}
	rest.WriteString(query)
	return rest.String(), err
}

// untakenQuery returns query without such values.
func (p *plan) untakenQuery(query string) (string, error) {
	var out codec.Output
	defer out.Reset()
	err := p.scanQuery(&out, []byte(query), func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
		if p.takes(batch[0].Rule) {
			return dst, codec.Text, nil
		}
		return dst, 0, codec.ErrKeep
	})
	return string(bytes.Join(out.Segments(), nil)), err
}

// query rewrites the values in the query of target.
func (w *placeRewriter) query(target *line) error {
	at := bytes.IndexByte(target.text, '?') + 1
	if at == 0 {
		return nil
	}
	w.plan = w.plan.query
	w.begin()
	var out codec.Output
	defer out.Reset()
	err := w.plan.scanQuery(&out, target.text[at:], func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
		batch[0].Null = len(batch[0].Value) == 0
		return w.transform(dst, batch)
	})
	if err := errors.Join(err, w.close(err)); err != nil {
		return err
	}
	if w.fields > 0 {
		target.changed = true
		target.text = bytes.Join(append([][]byte{target.text[:at:at]}, out.Segments()...), nil)
	}
	return nil
}

// scanQuery runs transform over the tagged values of a query. Only one that is
// read in one way is let in.
func (p *plan) scanQuery(out *codec.Output, query []byte, transform codec.Transform) error {
	b := p.Body(&form.Query)
	b.Transform = transform
	writer, err := form.Query.New(b)
	if err != nil {
		return err
	}
	defer writer.Free()
	if err = writer.Write(out, query); err == nil {
		err = writer.Close(out)
	}
	if e, ok := errors.AsType[*codec.Error](err); ok && (e.Code == codec.Malformed || e.Code == codec.Truncated) {
		return &places.Error{Code: places.Ambiguous, In: places.Query, Detail: e.Detail}
	}
	return err
}

// takes reports whether a rule takes envelopes.
func (p *plan) takes(rule int) bool {
	return p.Rules[rule].Open || p.Envelopes == policy.KeepEnvelopes
}

// decodings is how many times a target may be decoded: by a proxy, by the
// server and by the application.
const decodings = 3

// holdsEnvelope reports whether target holds an envelope, as it is or decoded.
// It does not allocate for a target without a percent sign and without the
// prefix of an envelope.
func holdsEnvelope(target string) bool {
	if len(target) < codec.HeadLen {
		return false
	}
	for range decodings {
		if strings.Contains(target, envelope.Prefix) && codec.HoldsEnvelope([]byte(target), envelope.IsHead) {
			return true
		}
		if strings.IndexByte(target, '%') < 0 {
			return false
		}
		target = places.UnescapeLax(target)
	}
	return codec.HoldsEnvelope([]byte(target), envelope.IsHead)
}
