package csv

import (
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

const byteOrderMark = "\xef\xbb\xbf"

// A form is how a field is written.
type form uint8

const (
	inQuotes  form = 1 << iota // in quotes
	alone                      // the only field of its row
	firstHere                  // the first of the body
)

// A writer rewrites one body. It holds at most one incomplete field or column
// name, and the step of each column.
type writer struct {
	scanner
	splicer codec.Splicer

	mark    [len(byteOrderMark)]byte // the beginning of the body, which may be a mark
	marked  int                      // bytes of it
	started bool                     // what comes is not a mark

	transform codec.Transform // of the body
	counted   codec.Transform // w.count, bound once
	turn      int             // values that the Transform was called for
}

var writers = sync.Pool{New: func() any {
	w := new(writer)
	w.counted = w.count
	return w
}}

func newCSV(b codec.Body) (codec.Writer, error) { return newWriter(b, plainCSV) }

func newTSV(b codec.Body) (codec.Writer, error) { return newWriter(b, plainTSV) }

// newWriter is Format.New. A body without rules is in dialect d.
func newWriter(b codec.Body, d *dialect) (codec.Writer, error) {
	c, ok := b.Checked.(*checked)
	if b.At.Selector() != nil {
		if !ok || c.name != d.name {
			return nil, errors.New(d.name + ": Body.Checked is not what Check returned")
		}
		d = c.dialect
		if err := refused(b, c); err != nil {
			return nil, err
		}
	}
	w := writers.Get().(*writer)
	if c != nil && c.seals && !w.columns.reaches(b.At, c.rows, c.fields) {
		writers.Put(w)
		return nil, &codec.Error{Format: d.name, Code: codec.Malformed, Detail: "the body is rows, and no rule can find a field of a row"}
	}
	w.begin(b.At, d, b.Limits.WithDefaults())
	w.tags = &w.splicer
	w.transform = b.Transform
	w.splicer.Reset(b.At.Selector(), w.counted, w.limits, w, 0)
	return w, nil
}

// foreign are parameters of a media type that would state a dialect.
var foreign = [...]string{"delimiter", "separator", "sep", "quote", "escape", "dialect"}

// refused returns why the format refuses b before its first byte.
func refused(b codec.Body, c *checked) error {
	fail := func(code codec.Code, detail string) error {
		return &codec.Error{Format: c.name, Code: code, Detail: detail}
	}
	if b.At.Selector().Guard().Root == codec.ObjectRoot {
		return fail(codec.WrongRoot, "the body is rows, and the policy says that it is an object")
	}
	if v, ok := b.Params.Get("header"); ok && v != map[bool]string{true: "present", false: "absent"}[c.header] {
		return fail(codec.Malformed, "the media type and the policy disagree about a line of names")
	}
	for _, name := range foreign {
		if _, ok := b.Params.Get(name); ok {
			return fail(codec.Malformed, "a parameter of the media type states a dialect")
		}
	}
	return nil
}

// Write implements [codec.Writer].
func (w *writer) Write(out *codec.Output, p []byte) error {
	if !w.started {
		p = w.pastMark(out, p)
	}
	return w.write(out, p)
}

func (w *writer) write(out *codec.Output, p []byte) error {
	if w.err != nil {
		return w.err
	}
	if limit := w.limits.BodyBytes; limit > 0 && int64(len(p)) > limit-w.base {
		if w.scan(p[:limit-w.base]) == nil {
			w.fail(codec.TooLarge, 0, "the body is longer than the limit")
		}
		return w.err
	}
	if w.scan(p) == nil {
		w.splice(out, p)
	}
	return w.err
}

func (w *writer) splice(out *codec.Output, p []byte) {
	w.turn = 0
	w.err = w.splicer.Splice(out, p, w.base-int64(len(p)), w.d.name)
	w.forms = w.forms[:0]
}

// count is the Transform that the Splicer calls. It notes whose turn it is, for
// Encode.
func (w *writer) count(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
	w.turn++
	return w.transform(dst, batch)
}

// pastMark lets a byte order mark pass, or refuses it, and returns what of p
// comes after it. It holds the first bytes until they are known to be no mark.
// The mark counts as no byte of the body, in limits and in the offsets of
// errors.
func (w *writer) pastMark(out *codec.Output, p []byte) []byte {
	for len(p) > 0 && w.marked < len(byteOrderMark) && p[0] == byteOrderMark[w.marked] {
		w.mark[w.marked] = p[0]
		w.marked, p = w.marked+1, p[1:]
	}
	switch {
	case w.marked == len(byteOrderMark):
		w.started = true
		if !w.d.mark {
			w.malformed(0, "the body begins with a byte order mark")
			return nil
		}
		out.Put(w.mark[:])
	case len(p) > 0:
		w.started = true
		_ = w.write(out, w.mark[:w.marked]) // w.err has the error
	}
	return p
}

// Close implements [codec.Writer].
func (w *writer) Close(out *codec.Output) error {
	if !w.started {
		w.started = true
		_ = w.write(out, w.mark[:w.marked]) // w.err has the error
	}
	if w.err == nil && w.complete() == nil {
		w.splice(out, nil)
	}
	return w.err
}

// Free implements [codec.Writer].
func (w *writer) Free() {
	w.name.Drop()
	w.splicer.Free()
	w.columns.reset()
	columns, forms := w.columns, w.forms[:0]
	w.scanner = scanner{}
	w.columns, w.forms = columns, forms
	w.mark, w.marked, w.started = [3]byte{}, 0, false
	w.transform, w.turn = nil, 0
	writers.Put(w)
}
