package json

import (
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// A document is the [codec.Scanner] of JSON. It holds at most one unfinished
// member name, whose length is limited.
type document struct {
	scanner
	mark string // the rest of a byte order mark that may still come
}

const byteOrderMark = "\xef\xbb\xbf"

var documents = sync.Pool{New: func() any { return new(document) }}

// nothing and noNames are what a scan without rules takes its guard and its
// names from.
var (
	nothing codec.Guard
	noNames nameTables
)

var errUnchecked = errors.New("json: Body.Checked is not what Check returned")

// scan is Format.Scan.
func scan(b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
	d := documents.Get().(*document)
	if err := d.begin(b, tags); err != nil {
		d.Free()
		return nil, err
	}
	return d, nil
}

// begin readies d for documents at the place of b.
func (d *document) begin(b codec.Body, tags *codec.Splicer) error {
	d.sel, d.limits, d.tables, d.guard, d.tags = b.At.Selector(), b.Limits, &noNames, &nothing, tags
	d.nameStart, d.encoder = -1, encoder{b.Limits.Depth, b.OneLine}
	if d.sel != nil {
		var ok bool
		if d.tables, ok = b.Checked.(*nameTables); !ok {
			return errUnchecked
		}
		d.cursor.Set(b.At)
		d.guard, d.indexed = d.sel.Guard(), d.sel.HasIndexes()
		if !b.Inner {
			d.root, d.method = d.guard.Root, d.guard.Method
		}
	}
	d.restart()
	return nil
}

// restart readies d for a document. The cursor is at its root.
func (d *document) restart() {
	d.mark = byteOrderMark
	d.state, d.step, d.live = atValue, here, d.sel != nil
}

// free forgets the documents and keeps the memory.
func (d *document) free() {
	d.name.Drop()
	d.cursor.Reset()
	// Not one literal: that would be made on the stack and copied.
	frames, cursor, index, outer := d.frames[:0], d.cursor, d.index[:0], d.outer[:0]
	d.scanner = scanner{}
	d.frames, d.cursor, d.index, d.outer = frames, cursor, index, outer
}

// Scan implements [codec.Scanner].
func (d *document) Scan(p []byte, base int64) error {
	d.base = base
	if d.mark != "" {
		p = d.pastMark(p)
	}
	if d.err != nil {
		return d.err
	}
	return d.scan(p)
}

// pastMark returns what of p comes after a byte order mark, which may pass.
func (d *document) pastMark(p []byte) []byte {
	n := 0
	for n < len(p) && d.mark != "" && p[n] == d.mark[0] {
		n, d.mark = n+1, d.mark[1:]
	}
	d.base += int64(n)
	if n < len(p) {
		if d.mark != "" && d.mark != byteOrderMark {
			d.malformed(0, "expected a value")
		}
		d.mark = ""
	}
	return p[n:]
}

// End implements [codec.Scanner].
func (d *document) End(at int64) error {
	d.base = at
	if err := d.complete(); err != nil {
		return err
	}
	d.restart()
	return nil
}

// complete fails if the document, which ends here, is not whole.
func (d *document) complete() error {
	switch d.ending() {
	case emptyDocument:
		d.malformed(0, "the body is empty")
	case cutDocument:
		d.fail(codec.Truncated, 0, "the body ends before its value does")
	}
	return d.err
}

// endRecord ends the record that ended last, in a body of records.
func (d *document) endRecord() {
	if d.err == nil {
		d.err = d.tags.Record(d.base)
	}
}

// An ending is what a document is whose end was reached.
type ending uint8

const (
	wholeDocument ending = iota
	emptyDocument        // blanks at most
	cutDocument          // the value has not ended
)

// ending ends a number that only the end of the document ends.
func (d *document) ending() ending {
	if d.token == numberToken && d.number.complete() {
		d.token = noToken
		d.endValue(0)
	}
	switch {
	case d.state == atEnd:
		return wholeDocument
	case d.state == atValue && d.token == noToken && len(d.frames) == 0:
		return emptyDocument
	}
	return cutDocument
}

// Free implements [codec.Scanner].
func (d *document) Free() {
	d.free()
	documents.Put(d)
}
