package multipart

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/form"
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
	ascii    bool          // the content must be ASCII
	rule     int           // that owns the content, or -1
	document *document     // that the settings know by the name of the part
	index    int           // of the document among those of the settings
	inner    codec.Scanner // of the document

	start int64 // offset of the content
	fed   int64 // how far the content was read
	text  text
}

// A reader reads the names and the content of parts, and marks tagged values.
type reader struct {
	body   codec.Body // that it is made for
	tags   *codec.Splicer
	sel    *codec.Selector // nil: there are no rules
	guard  *codec.Guard    // never nil
	plan   *plan           // never nil
	names  form.Names
	part   part
	inners []codec.Scanner // of the documents of the settings, those that the body has
	forms  [4]encoder
	graph  graphQL
	spare  []*measured
}

// A graphQL is a set of the parts that make a form a request of GraphQL: the
// client names the variables inside one of them, so that no path finds a value.
type graphQL uint8

const (
	operationsPart graphQL = 1 << iota
	mapPart
	wholeRequest = operationsPart | mapPart
)

// add adds the part called name, and reports whether all are there.
func (g *graphQL) add(name []byte) bool {
	switch string(name) {
	case "operations":
		*g |= operationsPart
	case "map":
		*g |= mapPart
	}
	return *g == wholeRequest
}

// watched reports whether a tagged value may be in the content.
func (p *part) watched() bool { return p.rule >= 0 || p.kind == documentPart }

func (r *reader) refuse(code codec.Code, at int64, detail string) error {
	return r.tags.Refuse(code, at, detail)
}

// named is called with the name of the part whose headers are being read. at is
// the offset of its line.
func (r *reader) named(name []byte, at int64) error {
	if len(name) > r.body.Limits.NameBytes {
		return r.refuse(codec.NameLimit, at, "a name is longer than the limit")
	}
	if r.sel == nil {
		return nil
	}
	if r.guard.Method && r.names.Root(name, methodName) {
		return r.refuse(codec.MethodFound, at, "_method, which some servers take for the method")
	}
	if r.part.rule = r.names.Find(name); r.part.rule >= 0 && r.names.Piece(name) {
		return r.refuse(codec.Malformed, at, form.PieceDetail)
	}
	for i := range r.plan.documents {
		d := &r.plan.documents[i]
		if string(name) == d.name || r.sel.Folds() && bytes.EqualFold(name, []byte(d.name)) {
			r.part.document, r.part.index = d, i
			return nil
		}
	}
	for i := range r.plan.documents {
		if r.names.Root(name, r.plan.documents[i].name) {
			return r.refuse(codec.Malformed, at, "a name that some readers take for that of a document")
		}
	}
	if r.graph.add(name) {
		return r.refuse(codec.Unsupported, at, "the form is a request of GraphQL")
	}
	return nil
}

const methodName = "_method"

// beginPart is called where the content of a part begins.
func (r *reader) beginPart(h *head, at int64) error {
	p := &r.part
	if fault := r.partFault(h); fault != "" {
		return r.refuse(codec.Malformed, at, fault)
	}
	p.start, p.fed, p.ascii = at, at, h.ascii
	d := p.document
	if d != nil && d.format != nil {
		return r.beginDocument(at)
	}
	if h.file || h.typed && !h.plain || d != nil {
		p.kind = filePart
	}
	if h.measured && p.rule >= 0 {
		at = h.lengthAt // the length changes with the value
	}
	if p.rule >= 0 && !r.tags.Begin(p.rule, at) {
		return r.refuse(codec.FieldLimit, at, "more tagged values than the limit")
	}
	return nil
}

// partFault says what is wrong with the headers of a part as a whole.
func (r *reader) partFault(h *head) string {
	p := &r.part
	switch {
	case !h.disposed:
		return "a part has no Content-Disposition"
	case r.sel == nil:
		return ""
	case p.document != nil && h.typed && !p.document.is(h.media(), r.plan.inner):
		return "a part has another type than its setting part.NAME says"
	}
	places := r.names.Places()
	below := p.rule < 0 && places.Live()
	switch {
	case p.document != nil && p.document.format != nil && h.ascii:
		return "a document has a charset that is not UTF-8"
	case p.document == nil && h.resembles && below:
		return "a part has the type of a document, and no setting part.NAME says what it is"
	case h.measured && below && p.document != nil && p.document.format != nil:
		return "a document in which a rule could find a value has a Content-Length"
	}
	return ""
}

// beginDocument begins a document. Its scanner lives until the body ends: what
// it has marked is encoded after the chunk was scanned, by encoders of its own.
func (r *reader) beginDocument(at int64) (err error) {
	b, p := r.body, &r.part
	p.kind, p.inner = documentPart, r.inners[p.index]
	if p.inner != nil {
		return nil
	}
	b.At, b.Inner, b.Checked, b.Params = r.names.Places(), true, p.document.checked, ""
	p.inner, err = p.document.format.Scan(b, r.tags)
	if e, ok := errors.AsType[*codec.Error](err); ok {
		return r.refuse(e.Code, at, e.Detail)
	}
	r.inners[p.index] = p.inner
	return err
}

// consume reads a piece of the content, which follows what was read of it.
// whole says that it is all of the content.
func (r *reader) consume(piece []byte, whole bool) error {
	p := &r.part
	at := p.fed
	p.fed += int64(len(piece))
	switch {
	case p.kind == documentPart:
		return p.inner.Scan(piece, at)
	case p.ascii:
		if bad := bytes.IndexFunc(piece, isNotASCII); bad >= 0 {
			return r.refuse(codec.Malformed, at+int64(bad), "a part whose charset is not UTF-8 has more than ASCII")
		}
	case p.kind == fieldPart:
		if bad, ok := p.text.characters(piece); !ok {
			return r.refuse(codec.Malformed, at+int64(bad), "a field is not UTF-8")
		}
	}
	if r.guard.Envelope != nil {
		p.text.look(piece, whole, r.guard.Envelope)
	}
	return nil
}

func isNotASCII(c rune) bool { return c >= utf8.RuneSelf }

// endPart is called where the content of a part ends.
func (r *reader) endPart(h *head, end int64) error {
	p := &r.part
	if h.measured && end-p.start != h.length {
		return r.refuse(codec.Malformed, end, "a part is not as long as its Content-Length")
	}
	if p.kind == documentPart {
		return p.inner.End(end)
	}
	if p.kind == fieldPart && p.text.cut > 0 {
		return r.refuse(codec.Malformed, end, "a field is not UTF-8")
	}
	if p.rule >= 0 {
		return r.endValue(h, end)
	}
	if p.text.found() {
		return r.refuse(codec.EnvelopeFound, end, envelopeDetail)
	}
	return nil
}

const envelopeDetail = "a part holds an envelope where none may be"

// endValue is called where a tagged value ends.
func (r *reader) endValue(h *head, end int64) error {
	p := &r.part
	f, ok := r.tags.Take(end)
	if !ok {
		return r.refuse(codec.ValueLimit, end, "a tagged value is longer than the limit")
	}
	rule := r.sel.Rule(f.Rule)
	var front []byte
	if h.measured {
		n := len(f.Value) - int(end-p.start)
		front, f.Value = f.Value[h.digits:n], f.Value[n:]
	}
	form := 0
	if p.ascii {
		form = asciiOnly
	}
	f.Kind = codec.Text
	if p.kind == filePart {
		form |= inFile
		if !p.isText(rule, f.Value) {
			f.Kind = codec.Bytes
		}
	}
	if p.text.found() && !rule.Open && !(rule.Envelopes && f.Kind == codec.Text) {
		return r.refuse(codec.EnvelopeFound, end, envelopeDetail)
	}
	var e codec.Encoder = &r.forms[form]
	if h.measured {
		e = r.measure(front, r.forms[form])
	}
	r.tags.Put(f, e, 0)
	return nil
}

// isText reports whether a file is given as Text: where an envelope may be
// taken and there is one, and where the suite is deterministic.
func (p *part) isText(r *codec.Rule, file []byte) bool {
	wanted := r.Unescape || r.Open && bytes.HasPrefix(file, []byte("sm1.")) || (r.Open || r.Envelopes) && p.text.found()
	return wanted && utf8.Valid(file)
}

// free recycles the scanners of documents.
func (r *reader) free() {
	for _, inner := range r.inners {
		if inner != nil {
			inner.Free()
		}
	}
	clear(r.inners)
	r.names.Free()
}
