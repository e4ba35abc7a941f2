package json

import (
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// A writer rewrites one JSON body. It holds at most one unfinished tagged value
// and one unfinished member name, and both are limited.
type writer struct {
	scanner
	splicer codec.Splicer
	mark    string // the rest of a byte order mark that may still come
}

const byteOrderMark = "\xef\xbb\xbf"

var writers = sync.Pool{New: func() any { return new(writer) }}

var errUnchecked = errors.New("json: Body.Checked is not what Check returned")

// newWriter is Format.New.
func newWriter(b codec.Body) (codec.Writer, error) {
	tables, ok := b.Checked.(*nameTables)
	if !ok && b.At.Selector() != nil {
		return nil, errUnchecked
	}
	w := writers.Get().(*writer)
	w.mark = byteOrderMark
	w.begin(b.At, tables, b.Limits.WithDefaults())
	w.splicer.Reset(w.sel, b.Transform, w.limits, w, '"')
	return w, nil
}

// Write implements [codec.Writer].
func (w *writer) Write(out *codec.Output, p []byte) error {
	if w.mark != "" && w.err == nil {
		p = w.pastMark(out, p)
	}
	if w.err != nil {
		return w.err
	}
	if limit := w.limits.BodyBytes; limit > 0 && int64(len(p)) > limit-w.base {
		if w.scan(p[:limit-w.base]) == nil {
			w.fail(codec.TooLarge, 0, "the body is longer than the limit")
		}
		return w.err
	}
	if w.scan(p) != nil {
		return w.err
	}
	w.err = w.splicer.Splice(out, p, w.base-int64(len(p)), name)
	return w.err
}

// pastMark lets a byte order mark pass, and returns what of p comes after it.
// The mark counts as no byte of the body, in limits and in the offsets of
// errors.
func (w *writer) pastMark(out *codec.Output, p []byte) []byte {
	n := 0
	for n < len(p) && w.mark != "" && p[n] == w.mark[0] {
		n, w.mark = n+1, w.mark[1:]
	}
	if n < len(p) {
		if w.mark != "" && w.mark != byteOrderMark {
			w.malformed(0, "expected a value")
		}
		w.mark = ""
	}
	out.Pass(p[:n])
	return p[n:]
}

// Close implements [codec.Writer].
func (w *writer) Close(out *codec.Output) error {
	if w.err == nil && w.complete() == nil {
		w.err = w.splicer.Splice(out, nil, w.base, name)
	}
	return w.err
}

// Free implements [codec.Writer].
func (w *writer) Free() {
	w.name.Drop()
	w.splicer.Free()
	w.cursor.Reset()
	// Not one literal: that would be made on the stack and copied.
	frames, cursor, index, outer := w.frames[:0], w.cursor, w.index[:0], w.outer[:0]
	w.scanner = scanner{}
	w.frames, w.cursor, w.index, w.outer = frames, cursor, index, outer
	writers.Put(w)
}
