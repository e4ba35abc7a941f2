package xml

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

// A marker is the part of a scanner that knows the open elements: it resolves
// names, and marks tagged values in the Splicer of the body.
type marker struct {
	base int64 // offset in the body of the piece being read
	err  error

	tag      tag // the start tag that was read last
	open     []element
	names    []byte // of the open elements
	spaces   namespaces
	security int // open elements around and with the outermost signed or encrypted one, 0 for none

	soap bool // the root element is of SOAP 1.1

	guard  *codec.Guard // never nil
	limits codec.Limits
	rules  matcher
	value  value
	tags   *codec.Splicer // of the body
}

// malformed records that byte i of the piece cannot be where it is. The token
// that it is part of begins at index from.
func (m *marker) malformed(i, from int, detail string) int {
	return m.refuse(codec.Malformed, i, from, detail)
}

// refuse records the error of the body: byte i of the piece, in a token that
// begins at index from.
func (m *marker) refuse(code codec.Code, i, from int, detail string) int {
	known := m.base + int64(from)
	e := m.tags.Refuse(code, known, detail)
	if _, over := m.tags.Outgrown(known); !over {
		e.Offset = m.base + int64(i)
	}
	m.err = e
	return -1
}

// startTag reads the start tag that begins at p[i].
func (s *scanner) startTag(p []byte, i int) int {
	t := &s.tag
	end, why := t.read(p, i)
	if why != stopEnd {
		return s.broken(p, i, end, t.fault)
	}
	name := p[t.name:t.nameEnd]
	switch {
	case end-i > maxTagBytes:
		return s.longTag(i)
	case len(name) > s.limits.NameBytes:
		return s.refuse(codec.NameLimit, t.name, i, nameDetail)
	case len(s.open) >= s.limits.Depth:
		return s.refuse(codec.TooDeep, i, i, "elements are nested deeper than the limit")
	case len(s.names)+len(name) > maxOpenNames:
		return s.malformed(i, i, "the names of open elements are longer than the limit")
	case s.value.envelope && s.tags.Rule() >= 0:
		return s.refuse(codec.EnvelopeFound, i, i, envelopeDetail)
	}
	declared := len(s.spaces.bindings)
	space, ok := s.resolve(p, i)
	if !ok {
		return -1
	}
	s.open = append(s.open, element{len(s.names), declared, place{}})
	e := &s.open[len(s.open)-1]
	s.names = append(s.names, name...)
	if s.mode, s.value.mixed = inContent, true; space >= 0 && s.security == 0 && s.spaces.bindings[space].security {
		s.security = len(s.open)
	}
	if len(s.open) == 1 {
		s.soap = space >= 0 && s.spaces.bindings[space].soap
	}
	owner, below := -1, false
	if e.place.live = s.rules.live; e.place.live {
		local := p[max(t.name, t.colon+1):t.nameEnd]
		e.place, owner, below = s.rules.enter(local, s.spaces.uri(space), s.ruled(space))
	}
	if len(t.attributes) > 0 && !s.attributes(p, i, below) {
		return -1
	}
	if owner >= 0 {
		s.rules.leave(e.place)
		e.place = place{live: e.place.live}
		s.rules.live = false
		if !s.beginContent(owner, end, i, t.null) {
			return -1
		}
		s.spaces.inner = len(s.spaces.bindings)
	}
	if t.empty {
		return s.endElement(end, end, true)
	}
	return end
}

const nameDetail = "a name is longer than the limit"

// endTag reads the end tag that begins at p[i].
func (s *scanner) endTag(p []byte, i int) int {
	name := s.names[s.open[len(s.open)-1].name:]
	end := i + len("</") + len(name)
	if end < len(p) && p[end] == '>' && bytes.Equal(p[i+len("</"):end], name) {
		return s.endElement(i, end+1, false)
	}
	end, why := readEnd(p, i, name)
	switch {
	case why != stopEnd:
		return s.broken(p, i, end, "expected the end of the innermost element")
	case end-i > maxTagBytes:
		return s.longTag(i)
	}
	return s.endElement(i, end, false)
}

// endElement ends the innermost element, whose content ends before p[i] and
// whose end tag ends before p[end].
func (s *scanner) endElement(i, end int, empty bool) int {
	top := len(s.open) - 1
	e := s.open[top]
	if s.tags.Rule() >= 0 && s.value.depth == top+1 {
		encoder := &s.value.encoders.none
		if !empty {
			encoder = s.value.encoders.content(s.scope())
		}
		if !s.endContent(i, encoder) {
			return -1
		}
		s.spaces.inner = 0
	}
	s.names, s.open = s.names[:e.name], s.open[:top]
	s.spaces.undo(e.spaces)
	s.rules.leave(e.place)
	if s.security > top {
		s.security = 0
	}
	if top == 0 && !s.inner {
		s.mode = inEpilog
	}
	return end
}
