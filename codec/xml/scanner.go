package xml

import "github.com/sealmesh/sealmesh/codec"

// maxOpenNames is what the names of the open elements take together, in bytes.
const maxOpenNames = 1 << 20

// A mode is what is being read between two tokens.
type mode uint8

const (
	atStart       mode = iota // a byte order mark may come
	atDeclaration             // an XML declaration may come
	inProlog                  // before the root element
	inContent                 // in an element
	inEpilog                  // after the root element
	inComment                 // <!-- … -->
	inInstruction             // <? … ?>
	inCDATA                   // <![CDATA[ … ]]>
)

// An element is one open element.
type element struct {
	name   int   // where its name begins in scanner.names
	spaces int   // declarations in scope outside of it
	place  place // outside of it
}

// A scanner validates XML 1.0 with namespaces, and finds tagged values.
//
// It reads a token that is whole in a piece where it is. A tag, a reference or
// a character that a piece cuts is held until it is whole, so that nothing of a
// tag leaves before the tag was checked. Comments, instructions, CDATA and text
// are read as they come.
//
// Methods that read take the index of the next byte and return the index after
// what they read, or -1 when err is set.
//
// The scanner has more methods than other types of this project. It is one
// state machine, and its methods are read together.
type scanner struct {
	marker
	mode   mode
	around mode // of a comment, an instruction or CDATA
	inner  bool // the document is content of an element

	token cutToken
	run   run
	ended int     // bytes of the end of a comment, an instruction or CDATA that have come
	aside spotter // of a comment or an instruction
}

// nothing and noTables are what a scan without rules takes its guard and its
// names from.
var (
	nothing  codec.Guard
	noTables tables
)

// begin readies the scanner for documents at the place of b.
func (s *scanner) begin(b codec.Body, t *tables, tags *codec.Splicer) {
	s.limits, s.tags, s.guard = b.Limits, tags, &nothing
	if t == nil {
		t = &noTables
	}
	s.rules.begin(b.At, t)
	if s.rules.sel != nil {
		s.guard = s.rules.sel.Guard()
	}
	s.spaces.plain = noSpace
	s.value.encoders.begin(s.scope())
	s.restart()
}

// inside makes the document the content of an element that outer is the scope
// of.
func (s *scanner) inside(outer *scope) {
	s.mode, s.inner, s.spaces.outer = inContent, true, outer
}

// restart readies the scanner for a document.
func (s *scanner) restart() {
	s.mode = atStart
	s.rules.restart()
}

// free forgets the documents and keeps the memory.
func (s *scanner) free() {
	s.token.held.Drop()
	s.rules.free()
	s.spaces.free()
	s.names = wiped(s.names)
	s.value.encoders.free()
	// Not one literal: that would be made on the stack and copied.
	attributes, open, names, spaces, rules, encoders := s.tag.attributes, s.open, s.names, s.spaces, s.rules, s.value.encoders
	*s = scanner{}
	s.tag.attributes, s.open, s.names = attributes[:0], open[:0], names[:0]
	s.spaces, s.rules, s.value.encoders = spaces, rules, encoders
}

// keptBytes is the room for names that a recycled scanner keeps.
const keptBytes = 16 << 10

// wiped returns b without its bytes, and without its memory if that is much.
func wiped(b []byte) []byte {
	b = b[:cap(b)]
	clear(b)
	if len(b) > keptBytes {
		return nil
	}
	return b[:0]
}

// scan reads one piece, after which err says whether the body is still good.
func (s *scanner) scan(p []byte) error {
	i := 0
	if s.token.pending() {
		i = s.resume(p)
	}
	for i >= 0 && i < len(p) {
		i = s.step(p, i)
	}
	if s.err != nil {
		return s.err
	}
	s.base += int64(len(p))
	if s.token.pending() {
		s.tags.Hold(s.token.at)
	}
	return nil
}

// step reads from p[i] as far as the mode stays the same.
func (s *scanner) step(p []byte, i int) int {
	switch s.mode {
	case atStart, atDeclaration:
		return s.start(p, i)
	case inProlog, inEpilog:
		return s.outside(p, i)
	case inContent:
		return s.content(p, i)
	}
	return s.until(p, i)
}

// complete ends the document, and readies the scanner for the next one.
func (s *scanner) complete() error {
	switch {
	case s.err != nil:
	case s.token.pending() || s.mode > inEpilog || len(s.open) > 0:
		s.refuse(codec.Truncated, 0, 0, "the body ends before its root element does")
	case s.inner || s.mode == inEpilog:
		s.restart()
	default:
		s.malformed(0, 0, "the body has no element")
	}
	return s.err
}
