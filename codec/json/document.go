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
	tables, ok := b.Checked.(*nameTables)
	if !ok && b.At.Selector() != nil {
		return nil, errUnchecked
	}
	d := documents.Get().(*document)
	d.begin(b, tables, tags)
	return d, nil
}

// begin readies d for documents at the place of b.
func (d *document) begin(b codec.Body, tables *nameTables, tags *codec.Splicer) {
	d.sel, d.limits, d.tables, d.guard, d.tags = b.At.Selector(), b.Limits, tables, &nothing, tags
	d.nameStart, d.encoder.depth = -1, b.Limits.Depth
	if d.sel == nil {
		d.tables = &noNames
	} else {
		d.cursor.Set(b.At)
		d.guard, d.indexed = d.sel.Guard(), d.sel.HasIndexes()
		if !b.Inner {
			d.root = d.guard.Root
		}
	}
	d.restart()
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

// Free implements [codec.Scanner].
func (d *document) Free() {
	d.free()
	documents.Put(d)
}
