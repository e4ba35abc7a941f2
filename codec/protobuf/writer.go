package protobuf

import (
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// A writer rewrites a body that is one message.
type writer struct {
	Rewriter
	root *Table
}

var writers = sync.Pool{New: func() any { return new(writer) }}

var errUnchecked = errors.New("protobuf: Body.Checked is not what Check returned")

// newWriter is Format.Writer.
func newWriter(b codec.Body) (codec.Writer, error) {
	c, ok := b.Checked.(*checked)
	sel := b.At.Selector()
	if !ok && sel != nil {
		return nil, errUnchecked
	}
	root, allow := opaque, true
	if sel != nil {
		if sel.Guard().Root == codec.ArrayRoot {
			return nil, refuse(codec.WrongRoot, "the body is a message, and root in the policy says that it is an array")
		}
		root, allow = c.root, c.unknown
	}
	if err := checkParams(b.Params, c); err != nil {
		return nil, err
	}
	return NewWriter(name, &b, root, allow), nil
}

// NewWriter returns the Writer of a body that is one message, of which root is
// the table. format is the name of the Format in errors. Unknown allows fields
// that the schema does not have in messages with rules.
func NewWriter(format string, b *codec.Body, root *Table, unknown bool) codec.Writer {
	w := writers.Get().(*writer)
	w.root = root
	w.Begin(w, format, b, unknown)
	w.makeCounts(root)
	return w
}

// HasRules reports whether a rule can match at or below a place.
func HasRules(at *codec.Cursor) bool { return at.Live() || at.Owner() >= 0 }

func refuse(code codec.Code, detail string) error {
	return &codec.Error{Format: name, Code: code, Detail: detail}
}

// Scan implements [Framing]: the parts are the fields of the message.
func (w *writer) Scan(p []byte) (n, need int, ok bool) {
	w.p = p
	n = w.fields(w.root, 0, len(p), 0)
	return n, w.need, n >= 0
}

// Free implements [codec.Writer].
func (w *writer) Free() {
	w.End()
	w.root = nil
	writers.Put(w)
}
