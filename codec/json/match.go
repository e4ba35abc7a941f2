package json

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

// Fixed words of errors that several places give.
const (
	valueDetail = "a tagged value is longer than the limit"
	nameDetail  = "a member name is longer than the limit"
	fieldDetail = "more tagged values than the limit"
	loneDetail  = "half a surrogate pair"
	nulDetail   = "NUL ends the name that a rule looks for"
)

// here is the step to the root, where the cursor is from the beginning.
const here codec.Step = -1

// beginValue is called where a value begins that a rule may own.
func (s *scanner) beginValue(i int, kind class) bool {
	if n := len(s.frames); n > 0 && s.frames[n-1]&objectFrame == 0 {
		s.step = s.nextElement()
	}
	rule := s.below.Rule
	switch s.step {
	case codec.AnyStep:
	case here:
		rule = s.cursor.Owner()
	default:
		rule = s.cursor.Peek(s.step).Rule
	}
	if rule < 0 {
		return true
	}
	if !s.tags.Begin(rule, s.base+int64(i)) {
		s.fail(codec.FieldLimit, i, fieldDetail)
		return false
	}
	s.tagText = kind == stringValue
	return true
}

// enter reports whether a rule may own a value in the container that begins.
func (s *scanner) enter(kind class) bool {
	if s.tags.Rule() >= 0 {
		return false
	}
	if s.step != here {
		s.cursor.Descend(s.step)
	}
	if !s.cursor.Live() {
		if s.step != here {
			s.cursor.Up()
		}
		return false
	}
	if kind == arrayValue && s.indexed {
		s.index = append(s.index, 0)
	}
	s.outer = append(s.outer, s.below)
	s.below = s.cursor.Peek(codec.AnyStep)
	return true
}

// nextElement counts the elements of the innermost array where a rule names one
// by its index.
func (s *scanner) nextElement() codec.Step {
	if !s.indexed {
		return codec.AnyStep
	}
	at := &s.index[len(s.index)-1]
	*at++
	return s.sel.Indexed(*at - 1)
}

// leave undoes enter.
func (s *scanner) leave(f frame) {
	if f&sameFrame != 0 {
		return
	}
	top := len(s.outer) - 1
	if top > 0 { // below the root
		s.cursor.Up()
	}
	if f&objectFrame == 0 && s.indexed {
		s.index = s.index[:len(s.index)-1]
	}
	s.below, s.outer = s.outer[top], s.outer[:top]
}

// matchName takes the last piece of a member name, whose quote is the byte
// before chunk[end].
func (s *scanner) matchName(name []byte, end int) bool {
	defer s.name.Drop()
	if s.name.Len() > 0 {
		s.name.Add(name)
		name = s.name.Bytes()
	}
	at := int(s.nameStart - s.base)
	s.nameStart = -1
	if len(name) > s.limits.NameBytes {
		s.fail(codec.NameLimit, at, nameDetail)
		return false
	}
	if s.escaped {
		plain, ok := codec.UnescapeJSON(s.tags.Scratch.Tail(len(name)), name)
		if !ok && s.live {
			s.malformed(at, loneDetail)
			return false
		}
		if k := bytes.IndexByte(plain, 0); k >= 0 && s.live && s.sel.Named(plain[:k]) != codec.AnyStep {
			s.malformed(at, nulDetail)
			return false
		}
		name = plain
	}
	if s.live {
		s.step = s.sel.Named(name)
	}
	return !s.watched() || s.noteName(name, end)
}

// found is called where a value ends, before chunk[end], that a rule may have
// owned.
func (s *scanner) found(end int) bool {
	if s.tags.Rule() < 0 {
		return true
	}
	at, _ := s.tags.Outgrown(0)
	f, ok := s.tags.Take(s.base + int64(end))
	if !ok {
		s.fail(codec.ValueLimit, int(at-s.base), valueDetail)
		return false
	}
	if s.tagText && !s.text(&f) {
		s.malformed(int(at-s.base), loneDetail)
		return false
	}
	f.Null = f.Kind == codec.Literal && f.Value[0] == 'n'
	s.tags.Put(f, &s.encoder, '"')
	return true
}

// text makes f a Text where f is to be one. It fails where no text can be what
// f says.
func (s *scanner) text(f *codec.Field) bool {
	inside := f.Value[1 : len(f.Value)-1]
	if s.escaped {
		rule := s.sel.Rule(f.Rule)
		if !rule.Unescape && !(rule.Open && mayBeEnvelope(inside)) {
			return true
		}
		plain, ok := codec.UnescapeJSON(s.tags.Scratch.Tail(len(inside)), inside)
		if !ok {
			return rule.Open // no envelope either
		}
		s.tags.Scratch.Commit(plain)
		inside = plain
	}
	f.Kind, f.Value = codec.Text, inside
	return true
}

// mayBeEnvelope reports whether a string, whose inside this is, may stand for
// an envelope: all envelopes begin with an s.
func mayBeEnvelope(inside []byte) bool {
	return len(inside) > 0 && (inside[0] == 's' || bytes.HasPrefix(inside, []byte(`\u0073`)))
}
