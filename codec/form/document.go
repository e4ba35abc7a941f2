package form

import (
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// A document is the [codec.Scanner] of forms and queries. It holds at most one
// unfinished name, whose length is limited.
type document struct {
	tags    *codec.Splicer
	limits  codec.Limits
	guard   *codec.Guard    // never nil
	sel     *codec.Selector // nil: there are no rules
	named   *nameTable      // names that rules have; never nil
	names   Names
	other   int // the rule that owns the values of names that no rule has, or -1
	encoder encoder

	quickName int // length of the longest name that skipPairs takes, 0 for none

	base    int64      // offset in the body of the piece being read
	inValue bool       // after =
	ended   bool       // the document has ended
	seen    class      // classes of the bytes of the name being read
	name    codec.Held // what earlier pieces have of the name
	char    char       // cut by the end of the last piece
	last    tail       // of that value
	spot    spotter    // of that value
	cut     bool       // the value came in pieces

	err error
}

var documents = sync.Pool{New: func() any { return new(document) }}

// nothing and noNames are what a scan without rules has.
var (
	nothing codec.Guard
	noNames = newNameTable(nil)
)

var errUnchecked = errors.New("form: Body.Checked is not what Check returned")

// newDocument makes the Scanner of a document.
func newDocument(b codec.Body, tags *codec.Splicer, query bool) (codec.Scanner, error) {
	plan, ok := b.Checked.(*checked)
	sel := b.At.Selector()
	if !ok && sel != nil {
		return nil, errUnchecked
	}
	if sel != nil && !b.Inner && sel.Guard().Root == codec.ArrayRoot {
		return nil, &codec.Error{Code: codec.WrongRoot, Detail: "a form is an object"}
	}
	if !b.Params.Only("charset") {
		return nil, &codec.Error{Code: codec.Malformed, Detail: "a form has no parameter but charset"}
	}
	d := documents.Get().(*document)
	d.tags, d.limits, d.sel, d.guard, d.named, d.other = tags, b.Limits, sel, &nothing, &noNames, -1
	if query {
		d.encoder.place = inQuery
	}
	d.char.place = inName | d.encoder.place
	if sel != nil {
		d.guard, d.named = sel.Guard(), &plan.named
		d.names.Reset(b.At, plan.dialect)
		d.other = d.names.Other()
	}
	if !query && d.other < 0 {
		d.quickName = min(longestHint, d.limits.NameBytes)
	}
	return d, nil
}

// Scan implements [codec.Scanner].
func (d *document) Scan(p []byte, base int64) error {
	d.base = base
	for i := 0; d.err == nil && i < len(p); {
		if d.inValue {
			i = d.scanValue(p, i)
			continue
		}
		if d.quickName > 0 && d.name.Len() == 0 {
			i = d.skipPairs(p, i)
		}
		i = d.scanName(p, i)
	}
	return d.err
}

// End implements [codec.Scanner].
func (d *document) End(at int64) error {
	d.base, d.ended = at, true
	switch {
	case d.err != nil:
	case d.inValue && !d.char.between():
		d.refuse(codec.Truncated, 0, "the body ends in the middle of a character")
	case d.inValue:
		d.endValue(nil, 0)
	default:
		d.endName(nil, 0, false)
	}
	d.ended = false
	return d.err
}

// Free implements [codec.Scanner].
func (d *document) Free() {
	d.name.Drop()
	d.names.Free()
	names := d.names
	*d = document{}
	d.names = names
	documents.Put(d)
}

// refuse records the first error, at byte i of the piece. It returns the length
// of no piece, so that reading ends.
func (d *document) refuse(code codec.Code, i int, detail string) int {
	if d.err == nil {
		d.err = d.tags.Refuse(code, d.base+int64(i), detail)
	}
	return i
}
