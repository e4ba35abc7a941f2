package codec

import "sync"

// keptFields is how many fields a recycled Writer keeps room for.
const keptFields = 4096

// A jsonWriter rewrites one JSON body (RFC 8259, UTF-8).
//
// A byte order mark in front stays: RFC 8259 section 8.1 lets a reader ignore one, and
// many do. It refuses everything else that is not one JSON value with blanks around it: an empty body, anything after the value, escapes, numbers, control
// characters and UTF-8 that the grammar does not have. Member names are compared
// after unescaping, so that no spelling of a name gets around a rule. A member that comes twice
// is two members, each with its value tagged. Half a surrogate pair (\ud800) is legal in RFC 8259 and
// passes, except where it would have to be compared or sealed as text. So does NUL (\u0000),
// except after a name that rules use: programs in C take what is before it for the name.
//
// All of a chunk is read before the first Transform of a value that ends in it
// is called: a body that came whole is known to be well-formed by then.
//
// What it holds of a body is at most one unfinished tagged value and one
// unfinished member name, both limited.
type jsonWriter struct {
	jsonScan
	transform Transform
	more      int    // room that replacements have needed beyond the usual
	mark      string // what may still come of a byte order mark
}

const byteOrderMark = "\xef\xbb\xbf"

var jsonWriters = sync.Pool{New: func() any { return new(jsonWriter) }}

// newJSON makes a Writer. Without a Selector it only validates.
func newJSON(sel *Selector, transform Transform, limits Limits) Writer {
	w := getJSON(sel, transform, limits)
	w.mark = byteOrderMark
	return w
}

func getJSON(sel *Selector, transform Transform, limits Limits) *jsonWriter {
	w := jsonWriters.Get().(*jsonWriter)
	w.transform = transform
	w.begin(sel, limits.withDefaults())
	return w
}

// Write implements [Writer].
func (w *jsonWriter) Write(out *Output, p []byte) error {
	if w.mark != "" && w.err == nil {
		p = w.pastMark(out, p)
	}
	if w.err != nil {
		return w.err
	}
	if limit := w.limits.BodyBytes; limit > 0 && int64(len(p)) > limit-w.base {
		if w.scan(p[:limit-w.base]) == nil {
			w.fail(TooLarge, 0, "the body is longer than the limit")
		}
		return w.err
	}
	if w.scan(p) != nil {
		return w.err
	}
	w.err = w.splice(out, p)
	return w.err
}

// pastMark lets a byte order mark leave, and returns what of p comes after it. The
// mark counts as no byte of the body, in limits and in the offsets of errors.
func (w *jsonWriter) pastMark(out *Output, p []byte) []byte {
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
	out.add(p[:n])
	return p[n:]
}

// Close implements [Writer].
func (w *jsonWriter) Close(out *Output) error {
	if w.err == nil && w.complete() == nil {
		w.err = w.splice(out, nil)
	}
	return w.err
}

// Free implements [Writer].
func (w *jsonWriter) Free() {
	w.carry.drop()
	w.name.drop()
	w.forget()
	if cap(w.fields) > keptFields {
		w.fields, w.spans = nil, nil
	}
	frames, states, index, outer := w.frames[:0], w.cursor.states[:0], w.index[:0], w.outer[:0]
	fields, spans, scratch, more := w.fields, w.spans, w.scratch, w.more
	*w = jsonWriter{more: more}
	w.frames, w.cursor.states, w.index, w.outer = frames, states, index, outer
	w.fields, w.spans, w.scratch = fields, spans, scratch
	jsonWriters.Put(w)
}

// forget drops the fields of a chunk that is done with.
func (w *jsonWriter) forget() {
	clear(w.fields)
	w.fields, w.spans = w.fields[:0], w.spans[:0]
	w.scratch.Reset()
}
