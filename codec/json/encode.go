package json

import (
	"bytes"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// An encoder is the [codec.Encoder] of values.
type encoder struct {
	depth   int  // Limits.Depth
	oneLine bool // a value must not take several lines
}

// Encode implements [codec.Encoder]: text goes between quotes, a literal stays
// as it is.
func (e *encoder) Encode(out *codec.Output, room, got []byte, kind codec.Kind) (fault string) {
	switch kind {
	case codec.Text:
		return putText(out, room, got)
	case codec.Literal:
		if !oneValue(got, e.depth) {
			return "the literal is not one JSON value"
		}
		if e.oneLine && bytes.ContainsAny(got, "\r\n") {
			return "the literal takes several lines"
		}
		if codec.InPlace(room, got) {
			got = room[:copy(room[:len(got)], got)] // over the quote
		}
		out.Commit(got)
		return ""
	case codec.Raw:
		return "the value is raw, of another format"
	}
	return "JSON has no binary values"
}

// putText writes text out between quotes. The first quote is in room, which
// text follows unless it outgrew the room.
func putText(out *codec.Output, room, text []byte) (fault string) {
	plain, valid := plainText(text)
	switch {
	case !valid:
		return "the text is not UTF-8"
	case !plain:
		moved := codec.GetBuffer(len(text))
		*moved = append(*moved, text...)
		if n := escapedLen(text) + len(`""`); cap(room) < n {
			room = append(out.Tail(n), '"') // append would leave text behind where it grew
		}
		out.Commit(append(appendEscaped(room, *moved), '"'))
		codec.PutBuffer(moved)
	case codec.InPlace(room, text):
		out.Commit(append(room[:1+len(text)], '"'))
	default:
		out.Commit(room)
		out.Commit(text)
		out.Put(quote)
	}
	return ""
}

var quote = []byte{'"'}

// A checker reads documents without rules.
type checker struct {
	document
	none codec.Splicer
}

var checkers = sync.Pool{New: func() any { return new(checker) }}

// oneValue reports whether b is one JSON value and nothing else, no deeper than
// depth. It keeps a literal from ending its value early and adding members of
// its own.
func oneValue(b []byte, depth int) bool {
	if len(b) == 0 || isSpace[b[0]] || isSpace[b[len(b)-1]] {
		return false
	}
	check := checkers.Get().(*checker)
	limits := codec.Limits{Depth: depth}.WithDefaults()
	check.none.Reset(nil, nil, limits)
	defer checkers.Put(check)
	defer check.free()
	return check.begin(codec.Body{Limits: limits}, &check.none) == nil && check.scan(b) == nil && check.complete() == nil
}
