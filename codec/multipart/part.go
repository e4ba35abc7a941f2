package multipart

import (
	"bytes"
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
)

// A kind says what the content of a part is.
type kind uint8

const (
	fieldPart kind = iota
	filePart
	documentPart
)

// A part is the part being read.
type part struct {
	kind     kind
	rule     int           // that owns the content, or -1
	document *document     // that the settings know by the name of the part
	inner    codec.Scanner // of the document

	resembles bool  // its type is that of a document
	start     int64 // offset of the content
	fed       int64 // how far the content was read
	text      text
}

// watched reports whether a tagged value may be in the content.
func (p *part) watched() bool { return p.rule >= 0 || p.kind == documentPart }

// named is called with the name of the part whose headers are being read. at is
// the offset of its line.
func (s *scanner) named(name []byte, at int64) error {
	if len(name) > s.body.Limits.NameBytes {
		return s.refuse(codec.NameLimit, at, "a name is longer than the limit")
	}
	if s.sel == nil {
		return nil
	}
	if s.guard.Method && s.names.Root(name, methodName) {
		return s.refuse(codec.MethodFound, at, "_method, which some servers take for the method")
	}
	s.part.rule = s.names.Find(name)
	for i := range s.plan.documents {
		d := &s.plan.documents[i]
		if string(name) == d.name || s.sel.Folds() && bytes.EqualFold(name, []byte(d.name)) {
			s.part.document = d
			return nil
		}
	}
	for i := range s.plan.documents {
		if s.names.Root(name, s.plan.documents[i].name) {
			return s.refuse(codec.Malformed, at, "a name that some readers take for that of a document")
		}
	}
	return nil
}

const methodName = "_method"

// beginPart is called where the content of a part begins.
func (s *scanner) beginPart(at int64) error {
	h, p := &s.head, &s.part
	if fault := s.partFault(); fault != "" {
		return s.refuse(codec.Malformed, at, fault)
	}
	s.state = inPart
	p.start, p.fed = at, at
	d := p.document
	if d != nil && d.format != nil {
		return s.beginDocument(at)
	}
	if h.file || h.typed && !h.plain || d != nil {
		p.kind = filePart
	}
	if p.rule >= 0 && !s.tags.Begin(p.rule, at) {
		return s.refuse(codec.FieldLimit, at, "more tagged values than the limit")
	}
	return nil
}

// partFault says what is wrong with the headers of a part as a whole.
func (s *scanner) partFault() string {
	h, p := &s.head, &s.part
	switch {
	case !h.disposed:
		return "a part has no Content-Disposition"
	case s.sel == nil:
		return ""
	case p.document != nil && h.typed && !p.document.is(h.media(), s.plan.inner):
		return "a part has another type than its document"
	}
	places := s.names.Places()
	below := p.rule < 0 && places.Live()
	switch {
	case p.document == nil && p.resembles && below:
		return "a part has the type of a document, and the policy does not know it"
	case h.measured && (p.rule >= 0 || below && p.document != nil):
		return "a part with a tagged value has a Content-Length"
	}
	return ""
}

func (s *scanner) beginDocument(at int64) (err error) {
	b, p := s.body, &s.part
	b.At, b.Inner, b.Checked, b.Params = s.names.Places(), true, p.document.checked, ""
	p.kind = documentPart
	if p.inner, err = p.document.format.Scan(b, s.tags); err != nil {
		return s.refuse(codec.Malformed, at, "a part that its format cannot read")
	}
	return nil
}

// consume reads a piece of the content, which follows what was read of it.
// whole says that it is all of the content.
func (s *scanner) consume(piece []byte, whole bool) error {
	p := &s.part
	at := p.fed
	p.fed += int64(len(piece))
	switch p.kind {
	case documentPart:
		return p.inner.Scan(piece, at)
	case fieldPart:
		if bad, ok := p.text.characters(piece); !ok {
			return s.refuse(codec.Malformed, at+int64(bad), "a field is not UTF-8")
		}
	}
	if s.guard.Envelope != nil {
		p.text.look(piece, whole, s.guard.Envelope)
	}
	return nil
}

// endPart is called where the content of a part ends.
func (s *scanner) endPart(end int64) error {
	h, p := &s.head, &s.part
	if h.measured && end-p.start != h.length {
		return s.refuse(codec.Malformed, end, "a part is not as long as its Content-Length")
	}
	if p.kind == documentPart {
		err := p.inner.End(end)
		p.inner.Free()
		p.inner = nil
		return err
	}
	if p.kind == fieldPart && p.text.cut > 0 {
		return s.refuse(codec.Malformed, end, "a field is not UTF-8")
	}
	if p.rule >= 0 {
		return s.endValue(end)
	}
	if p.text.found() {
		return s.refuse(codec.EnvelopeFound, end, envelopeDetail)
	}
	return nil
}

const envelopeDetail = "a part holds an envelope where none may be"

// endValue is called where a tagged value ends.
func (s *scanner) endValue(end int64) error {
	p := &s.part
	f, ok := s.tags.Take(end)
	if !ok {
		return s.refuse(codec.ValueLimit, end, "a tagged value is longer than the limit")
	}
	r := s.sel.Rule(f.Rule)
	e := &s.fields
	f.Kind = codec.Text
	if p.kind == filePart {
		e = &s.files
		if !p.isText(r, f.Value) {
			f.Kind = codec.Bytes
		}
	}
	if p.text.found() && !r.Open && !(r.Envelopes && f.Kind == codec.Text) {
		return s.refuse(codec.EnvelopeFound, end, envelopeDetail)
	}
	s.tags.Put(f, e, 0)
	return nil
}

// isText reports whether a file is given as Text: where an envelope may be
// taken and there is one, and where the suite is deterministic.
func (p *part) isText(r *codec.Rule, file []byte) bool {
	wanted := r.Unescape || r.Open && bytes.HasPrefix(file, []byte("sm1.")) || (r.Open || r.Envelopes) && p.text.found()
	return wanted && utf8.Valid(file)
}

// free drops what the part holds.
func (p *part) free() {
	if p.inner != nil {
		p.inner.Free()
	}
}
