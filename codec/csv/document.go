package csv

import (
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

const byteOrderMark = "\xef\xbb\xbf"

// A document is the [codec.Scanner] of CSV and TSV. It holds at most one
// incomplete name of a column, and the step of each column.
type document struct {
	scanner
	at     codec.Cursor // the place of the root
	marked int          // bytes of a byte order mark at the beginning, or -1
	sep    int          // characters of sep= that the document begins with, or -1
}

var documents = sync.Pool{New: func() any { return new(document) }}

func scanCSV(b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
	return newDocument(b, tags, plainCSV)
}

func scanTSV(b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
	return newDocument(b, tags, plainTSV)
}

// newDocument is Format.Scan. A body that Check was not asked about is plain.
func newDocument(b codec.Body, tags *codec.Splicer, plain *checked) (codec.Scanner, error) {
	c, ok := b.Checked.(*checked)
	sel := b.At.Selector()
	if b.Checked == nil && sel == nil {
		c, ok = plain, true
	}
	if !ok || c.name != plain.name {
		return nil, errors.New(plain.name + ": Body.Checked is not what Check returned")
	}
	doc := documents.Get().(*document)
	if err := doc.refuses(b, c); err != nil {
		documents.Put(doc)
		return nil, err
	}
	doc.tags, doc.limits = tags, b.Limits
	if sel != nil {
		doc.at.Set(b.At)
		doc.watch.isHead = sel.Guard().Envelope
	}
	doc.d = c.dialect
	doc.use(c.dialect)
	doc.restart()
	return doc, nil
}

// refuses returns why the format refuses b before its first byte.
func (d *document) refuses(b codec.Body, c *checked) error {
	fail := func(code codec.Code, detail string) error { return &codec.Error{Code: code, Detail: detail} }
	if v, ok := b.Params.Get("header"); ok && v != c.names() {
		return fail(codec.BadParams, "the media type and the setting header disagree about a line of names")
	}
	if !b.Params.Only("charset", "header") {
		return fail(codec.BadParams, "the media type has parameters other than charset and header")
	}
	sel := b.At.Selector()
	switch {
	case sel == nil:
	case c.seals && !d.columns.reaches(b.At, c.rows, c.fields):
		return fail(codec.Unsupported, "the body is rows, and no rule can find a field of a row")
	case sel.Guard().Root == codec.ObjectRoot && !b.Inner:
		return fail(codec.WrongRoot, "the body is rows, and root in the policy says that it is an object")
	}
	return nil
}

// restart readies d for a document.
func (d *document) restart() {
	d.columns.reset()
	d.columns.begin(d.at)
	d.state, d.first, d.blank, d.ends = atLine, true, false, noEnd
	d.row, d.count, d.sep, d.foreign, d.slash = 0, 0, 0, false, false
	d.marked, d.behind, d.begun = 0, false, -1
}

// Scan implements [codec.Scanner].
func (d *document) Scan(p []byte, base int64) error {
	if d.begun < 0 && len(p) > 0 {
		d.begun = base
	}
	d.base = base
	if d.marked >= 0 {
		p = d.pastMark(p)
	}
	d.pastSep(p)
	if d.err != nil {
		return d.err
	}
	return d.scan(p)
}

// pastMark reads the beginning of a document up to where it is known whether
// that is a byte order mark, and returns the rest of p. A mark is no part of a
// field. What may be one is held.
func (d *document) pastMark(p []byte) []byte {
	for len(p) > 0 && d.marked < len(byteOrderMark) && p[0] == byteOrderMark[d.marked] {
		d.marked, d.base, p = d.marked+1, d.base+1, p[1:]
	}
	switch {
	case d.marked == len(byteOrderMark):
		d.marked = -1
		d.begun = d.base
		if d.behind = true; !d.d.mark && (d.d.refuse || !d.d.header) {
			d.malformed(0, "a byte order mark, which the setting bom allows")
		}
	case len(p) > 0:
		d.unmark()
	case d.marked > 0:
		d.tags.Hold(d.begun)
	}
	return p
}

// pastSep refuses a document that begins with sep=, by which Excel takes
// another delimiter.
func (d *document) pastSep(p []byte) {
	const sep = "sep="
	for i, c := range p {
		switch {
		case d.sep < 0 || d.err != nil:
			return
		case c|0x20 == sep[d.sep]:
			if d.sep++; d.sep == len(sep) {
				d.malformed(i, "the first line is sep=")
			}
		case c != '"' || d.base+int64(i) > d.begun:
			d.sep = -1
		}
	}
}

// unmark reads what began like a byte order mark and is none.
func (d *document) unmark() {
	held := d.marked
	d.marked = -1
	if held > 0 {
		d.base = d.begun
		_ = d.scan([]byte(byteOrderMark[:held])) // d.err has the error
	}
}

// End implements [codec.Scanner].
func (d *document) End(at int64) error {
	if d.marked > 0 {
		d.unmark()
	}
	d.base = at
	if err := d.complete(); err != nil {
		return err
	}
	d.restart()
	return nil
}

// Free implements [codec.Scanner].
func (d *document) Free() {
	d.name.Drop()
	d.columns.reset()
	d.at.Reset()
	columns, at := d.columns, d.at
	*d = document{}
	d.columns, d.at = columns, at
	documents.Put(d)
}
