package sse

import (
	"bytes"
	"errors"
	"slices"

	"github.com/sealmesh/sealmesh/codec"
)

// Fixed words of errors.
const (
	besideDetail = "an event has data beside a plain text"
	linesDetail  = "a tagged value takes several data lines"
	loneDetail   = "a data line is a whole object or array among other data"
	plainDetail  = "; data in another format needs the setting plain"
	cutDetail    = "the data of an event is incomplete"
)

// An event is what is read of an event: its data.
type event struct {
	data  codec.Scanner // of the data of all events
	tags  *codec.Splicer
	rules bool // there are rules

	lines  int  // data lines of the event
	filled bool // the data has more than blanks

	// A plain text. While text may be the beginning of one, it is not scanned.
	plain     [][]byte
	text      [maxPlainBytes]byte
	length    int   // of text
	start     int64 // offset of text
	undecided bool
	isPlain   bool // the data is a plain text

	lone lone
}

func (e *event) begin(format *codec.Format, b codec.Body, tags *codec.Splicer) (err error) {
	e.tags, e.rules = tags, b.At.Selector() != nil
	b.OneLine = true
	e.data, err = format.Scan(b, tags)
	return err
}

// beginLine begins a data line.
func (e *event) beginLine(at int64) error {
	if e.isPlain {
		return e.tags.Refuse(codec.Malformed, at, besideDetail)
	}
	e.lines++
	e.undecided = e.lines == 1 && len(e.plain) > 0
	e.lone = lone{off: !e.rules || !e.filled}
	return nil
}

// read reads a piece of the value of a data line. ended says that the value
// ends with it.
func (e *event) read(p []byte, at int64, ended bool) error {
	if e.undecided {
		if e.mayBePlain(p, at, ended) {
			e.undecided = !ended
			return nil
		}
		e.undecided = false
		text := e.text[:e.length]
		e.length = 0
		if err := e.scan(text, e.start); err != nil {
			return err
		}
	}
	return e.scan(p, at)
}

// mayBePlain adds p to the text, and reports whether that is a plain text, or
// may become one. If not, the text is unchanged.
func (e *event) mayBePlain(p []byte, at int64, ended bool) bool {
	if e.length == 0 {
		e.start = at
	}
	if e.length+len(p) > maxPlainBytes {
		return false
	}
	n := e.length + copy(e.text[e.length:], p)
	text := e.text[:n]
	if ended {
		e.isPlain = slices.ContainsFunc(e.plain, func(s []byte) bool { return bytes.Equal(s, text) })
		return e.isPlain
	}
	if !slices.ContainsFunc(e.plain, func(s []byte) bool { return bytes.HasPrefix(s, text) }) {
		return false
	}
	e.length = n
	return true
}

// hold keeps back what may be a plain text.
func (e *event) hold() {
	if e.undecided && e.length > 0 {
		e.tags.Hold(e.start)
	}
}

// scan gives a piece of data to its scanner.
func (e *event) scan(p []byte, at int64) error {
	if len(p) == 0 {
		return nil
	}
	if err := e.data.Scan(p, at); err != nil {
		if bad, ok := errors.AsType[*codec.Error](err); ok && bad.Code == codec.Malformed && e.lines == 1 {
			bad.Detail += plainDetail
		}
		return err
	}
	e.filled = e.filled || len(bytes.TrimLeft(p, " \t")) > 0
	if !e.lone.off {
		e.lone.read(p)
	}
	return nil
}

var lineEnd = []byte{'\n'}

// endLine ends a data line. No token and no tagged value continues in another.
func (e *event) endLine(at int64) error {
	if e.isPlain {
		e.length = 0
		return nil
	}
	if err := e.data.Scan(lineEnd, at); err != nil {
		return err
	}
	if e.lone.whole && !e.lone.off {
		return e.tags.Refuse(codec.Malformed, at, loneDetail)
	}
	if e.tags.Rule() >= 0 {
		return e.tags.Refuse(codec.Malformed, at, linesDetail)
	}
	return nil
}

// end ends the event. code is for data that is incomplete.
func (e *event) end(at int64, code codec.Code) error {
	if e.filled {
		err := e.data.End(at)
		if bad, ok := errors.AsType[*codec.Error](err); ok && bad.Code == codec.Truncated {
			return e.tags.Refuse(code, at, cutDetail)
		}
		if err == nil {
			err = e.tags.Record(at)
		}
		if err != nil {
			return err
		}
	}
	e.lines, e.filled, e.isPlain = 0, false, false
	return nil
}

// A lone finds a data line that is a whole object or array by itself. It only
// counts brackets: the line is part of a document that is scanned, and begins
// outside strings.
type lone struct {
	off     bool // the line cannot be one
	whole   bool // the brackets have closed
	depth   int
	quoted  bool // in a string
	escaped bool // after a backslash
}

// read reads a piece of the line.
func (l *lone) read(p []byte) {
	for _, c := range p {
		switch {
		case l.escaped:
			l.escaped = false
		case l.quoted:
			l.escaped, l.quoted = c == '\\', c != '"'
		case c == ' ' || c == '\t':
		case c == '{' || c == '[':
			l.depth++
			l.off = l.off || l.whole
		case l.depth == 0: // before the brackets or after them
			l.off = true
		case c == '"':
			l.quoted = true
		case c == '}' || c == ']':
			l.depth--
			l.whole = l.depth == 0
		}
		if l.off {
			return
		}
	}
}

func (e *event) free() {
	if e.data != nil {
		e.data.Free()
	}
}
