package codec

import (
	"errors"
	"sync"
)

// A Scanner reads one document, which is a whole body or is inside one: a part
// of a form, an event, a record. It marks tagged values in the [Splicer] of the
// body, and writes nothing itself. Format.Scan makes it.
//
// A Scanner of one format drives a Scanner of another. Both mark their values
// in the same Splicer, so the whole chunk is scanned before the first Transform
// of a value in it, and the output keeps the order of the body.
//
// Errors are of type [*Error] without Format: the Writer adds the name of the
// format of the body. A Scanner that has returned an error can only be freed.
// Not safe for concurrent use.
type Scanner interface {
	// Scan reads p, the next piece of the document, which begins at offset base of
	// the body. A piece is part of the chunk that the body's Writer reads, or of
	// what [Splicer.Hold] kept: the Splicer must have the bytes of tagged values.
	//
	// The pieces of a tagged value and of a name lie side by side in the body: a
	// piece begins where the last one ended. Elsewhere bytes of the outer format
	// may lie between pieces. An outer format whose documents come in lines gives
	// the line end as a piece, and refuses the body if Splicer.Rule then says that
	// a tagged value continues.
	Scan(p []byte, base int64) error
	// End ends the document. Its last piece ended at offset at of the body; at is
	// also where a document without pieces is. End ends a value that only the end
	// of the document ends, and fails if the document is incomplete. Afterwards
	// the Scanner is at the beginning of another document at the same place.
	End(at int64) error
	// Free clears what the Scanner held and recycles the Scanner, which must not
	// be used again. Call it once, on every path.
	Free()
}

// New makes the Writer of one body. It fails with an [*Error] if the format
// refuses the parameters of the media type.
func (f *Format) New(b Body) (Writer, error) {
	if f.Writer != nil {
		return f.Writer(b)
	}
	w := writers.Get().(*scanWriter)
	b.Limits = b.Limits.WithDefaults()
	w.format, w.limit = f.Name, b.Limits.BodyBytes
	w.splicer.Reset(b.At.Selector(), b.Transform, b.Limits)
	var err error
	if w.scanner, err = f.Scan(b, &w.splicer); err != nil {
		err = w.fail(err)
		w.recycle()
		return nil, err
	}
	return w, nil
}

// A scanWriter is the Writer of every format that has a [Scanner].
type scanWriter struct {
	format  string
	limit   int64 // Limits.BodyBytes
	scanner Scanner
	splicer Splicer
	err     error
}

var writers = sync.Pool{New: func() any { return new(scanWriter) }}

// Write implements [Writer].
func (w *scanWriter) Write(out *Output, p []byte) error {
	if w.err != nil {
		return w.err
	}
	base := w.splicer.base
	long := w.limit > 0 && int64(len(p)) > w.limit-base
	if long {
		p = p[:w.limit-base]
	}
	w.splicer.Chunk(out, p)
	err := w.scanner.Scan(p, base)
	if err == nil && long {
		err = w.splicer.Refuse(TooLarge, w.limit, "the body is longer than the limit")
	}
	if err == nil {
		err = w.splicer.Splice()
	}
	return w.fail(err)
}

// Close implements [Writer].
func (w *scanWriter) Close(out *Output) error {
	if w.err != nil {
		return w.err
	}
	w.splicer.Chunk(out, nil)
	err := w.scanner.End(w.splicer.base)
	w.splicer.hold = -1 // a document inside the last one may have asked for it
	if err == nil {
		err = w.splicer.Splice()
	}
	return w.fail(err)
}

// fail keeps err, and adds the name of the format to an [*Error].
func (w *scanWriter) fail(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Format == "" {
		e.Format = w.format
	}
	w.err = err
	return err
}

// Free implements [Writer].
func (w *scanWriter) Free() {
	w.scanner.Free()
	w.recycle()
}

func (w *scanWriter) recycle() {
	w.splicer.Free()
	w.scanner, w.err = nil, nil
	writers.Put(w)
}
