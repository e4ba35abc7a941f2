package json

import (
	"bytes"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// Lines is NDJSON, also called JSON Lines: each line is a record, which is a
// JSON value and the root of its own. It takes no options.
//
// LF ends a record, with or without CR before it; the last record may lack it.
// A line may be blank. The format refuses a record that takes several lines, CR
// that no LF follows, RS, and a byte order mark: a reader that splits elsewhere
// or skips lines could see records that no rule saw.
var Lines = codec.Format{
	Name: "ndjson",
	MediaTypes: []string{
		"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl",
		"application/jsonlines", "application/x-jsonlines", "application/json-lines", "application/x-ldjson",
		"application/stream+json",
	},
	Check:         check,
	Scan:          scanLines,
	HoldsEnvelope: holdsEnvelope,
}

// lines is the [codec.Scanner] of NDJSON.
type lines struct {
	document      // the record
	carriage bool // the last byte was CR
}

var linesPool = sync.Pool{New: func() any { return new(lines) }}

// scanLines is Format.Scan.
func scanLines(b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
	l := linesPool.Get().(*lines)
	b.OneLine = true
	if err := l.begin(b, tags); err != nil {
		l.Free()
		return nil, err
	}
	return l, nil
}

// Scan implements [codec.Scanner].
func (l *lines) Scan(p []byte, base int64) error {
	l.base = base
	if l.carriage && len(p) > 0 {
		l.carriage = false
		if p[0] != '\n' {
			return l.strayCarriage()
		}
	}
	for len(p) > 0 {
		line, rest, ended := bytes.Cut(p, lineEnd)
		cr := bytes.IndexByte(line, '\r')
		stray := cr >= 0 && cr+1 < len(line)
		if stray {
			line = line[:cr+1]
		}
		if l.scan(line) != nil {
			return l.err
		}
		switch {
		case stray:
			return l.strayCarriage()
		case !ended:
			l.carriage = cr >= 0
		case l.endLine() != nil:
			return l.err
		}
		p = rest
	}
	return nil
}

var lineEnd = []byte{'\n'}

func (l *lines) strayCarriage() error {
	l.malformed(0, "CR must come before LF")
	return l.err
}

// endLine ends a record at its LF.
func (l *lines) endLine() error {
	switch l.ending() {
	case wholeDocument:
		l.restart()
		l.endRecord()
	case cutDocument:
		l.malformed(0, "a record ends before its value does")
	}
	l.base++
	return l.err
}

// End implements [codec.Scanner].
func (l *lines) End(at int64) error {
	l.base = at
	switch {
	case l.carriage:
		l.carriage = false
		return l.strayCarriage()
	case l.ending() == cutDocument:
		l.fail(codec.Truncated, 0, "the body ends before its record does")
	}
	l.restart()
	return l.err
}

// Free implements [codec.Scanner].
func (l *lines) Free() {
	l.free()
	l.carriage = false
	linesPool.Put(l)
}
