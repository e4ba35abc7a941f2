package xml

import (
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// An encoder is the [codec.Encoder] of one kind of place.
type encoder struct {
	at    codec.Position // 0 where there is no place for a value
	scope scope          // of content
}

// A scope says which prefixes are declared where a value is, and how deep the
// elements in it may nest.
type scope struct {
	spaces *namespaces
	bound  prefixSet
	depth  int // Limits.Depth
}

// declares reports whether name is a prefix that is declared there.
func (s *scope) declares(name []byte) bool {
	i := s.spaces.find(name)
	return i >= 0 && s.bound.has(i)
}

// Encode implements [codec.Encoder]: text is escaped, and a raw value stays as
// it is where it came from such a place.
func (e *encoder) Encode(out *codec.Output, room, got []byte, kind codec.Kind) (fault string) {
	if e.at == 0 {
		return "an empty element means null, which has no place for a value: the rule needs null: keep"
	}
	switch kind {
	case codec.Text:
		return e.putText(out, room, got)
	case codec.Literal:
		return e.putLiteral(out, got)
	case codec.Raw:
		if len(got) == 0 || codec.Position(got[0]) != e.at {
			return "the value is raw, of another kind of place"
		}
		if !e.wellFormed(got[1:]) {
			return "the raw value is not well-formed in this place"
		}
		if codec.InPlace(room, got) {
			out.Commit(room[:copy(room[:len(got)-1], got[1:])]) // over the position
		} else {
			out.Commit(got[1:])
		}
		return ""
	}
	return "XML has no binary values"
}

// putText writes text out. It is in room unless it outgrew the room.
func (e *encoder) putText(out *codec.Output, room, text []byte) (fault string) {
	plain, valid := plainText(text, e.at)
	switch {
	case !valid:
		return illegalText
	case !plain:
		moved := codec.GetBuffer(len(text))
		*moved = append(*moved, text...)
		if n := escapedLen(text, e.at); cap(room) < n {
			room = out.Tail(n) // append would leave text behind where it grew
		}
		out.Commit(appendEscaped(room, *moved, e.at))
		codec.PutBuffer(moved)
	default:
		out.Commit(text)
	}
	return ""
}

// putLiteral writes the text of a JSON value.
func (e *encoder) putLiteral(out *codec.Output, literal []byte) (fault string) {
	b := codec.GetBuffer(len(literal))
	defer codec.PutBuffer(b)
	text, ok := codec.LiteralText(*b, literal)
	if !ok {
		return "the value is an object, an array or null of JSON"
	}
	*b = text
	if _, valid := plainText(text, e.at); !valid {
		return illegalText
	}
	out.Commit(appendEscaped(out.Tail(escapedLen(text, e.at)), text, e.at))
	return ""
}

const illegalText = "the text has characters that XML cannot hold"

// wellFormed reports whether b is one value at e's kind of place, and nothing
// that could end it.
func (e *encoder) wellFormed(b []byte) bool {
	if e.at == codec.XMLContent {
		return isContent(b, &e.scope)
	}
	a := attribute{quote: '"'}
	if e.at == codec.XMLSingleAttribute {
		a.quote = '\''
	}
	var t tag
	end, why := t.content(b, 0, &a)
	return why == stopMore && end == len(b)
}

// A checker is a scanner without rules.
type checker struct {
	scanner
	none codec.Splicer
}

var checkers = sync.Pool{New: func() any { return new(checker) }}

// isContent reports whether b is the content of an element that s is the scope
// of.
func isContent(b []byte, s *scope) bool {
	check := checkers.Get().(*checker)
	limits := codec.Limits{Depth: s.depth}.WithDefaults()
	check.none.Reset(nil, nil, limits)
	check.begin(codec.Body{Limits: limits}, nil, &check.none)
	check.inside(s)
	defer checkers.Put(check)
	defer check.free()
	return check.scan(b) == nil && check.complete() == nil
}
