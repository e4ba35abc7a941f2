package codec

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxIndex is the largest index of RFC 9535 §2.1: 2^53-1.
const maxIndex = 1<<53 - 1

// A segment is one step of a path.
type segment struct {
	descendant bool   // .. rather than one level
	any        bool   // *
	listed     bool   // * in brackets
	named      bool   // name rather than index
	name       string // unescaped
	index      int
}

// A pathParser parses the subset of RFC 9535 that one pass over a body can
// decide.
type pathParser struct {
	path string
	pos  int
}

// parsePath returns the segments of path, or a *PathError.
func parsePath(path string) ([]segment, error) {
	p := &pathParser{path: path}
	switch {
	case !utf8.ValidString(path):
		return nil, p.fail("a path is UTF-8")
	case !strings.HasPrefix(path, "$"):
		return nil, p.fail("a path starts with $")
	}
	p.pos++
	var segs []segment
	for {
		mark := p.pos
		p.blank()
		if p.pos == len(path) {
			if mark != p.pos {
				p.pos = mark
				return nil, p.fail("blanks at the end")
			}
			return segs, nil
		}
		s, err := p.segment()
		if err != nil {
			return nil, err
		}
		segs = append(segs, s)
	}
}

func (p *pathParser) fail(detail string) error {
	return &PathError{Path: p.path, Offset: p.pos, Detail: detail}
}

func (p *pathParser) blank() {
	for p.pos < len(p.path) && strings.IndexByte(" \t\r\n", p.path[p.pos]) >= 0 {
		p.pos++
	}
}

// peek returns the next byte, or 0 at the end.
func (p *pathParser) peek() byte {
	if p.pos == len(p.path) {
		return 0
	}
	return p.path[p.pos]
}

func (p *pathParser) segment() (segment, error) {
	switch {
	case strings.HasPrefix(p.path[p.pos:], ".."):
		p.pos += 2
		s, err := p.afterDots()
		s.descendant = true
		return s, err
	case p.peek() == '.':
		p.pos++
		return p.afterDot()
	case p.peek() == '[':
		return p.bracket()
	case p.peek() == '(':
		return segment{}, p.fail("functions are not supported")
	}
	return segment{}, p.fail("expected . or [")
}

func (p *pathParser) afterDots() (segment, error) {
	if p.peek() == '[' {
		return p.bracket()
	}
	return p.afterDot()
}

// afterDot reads * or a name without quotes.
func (p *pathParser) afterDot() (segment, error) {
	if p.peek() == '*' {
		p.pos++
		return segment{any: true}, nil
	}
	start := p.pos
	for i, r := range p.path[start:] {
		if !nameRune(r, i == 0) {
			break
		}
		p.pos += utf8.RuneLen(r)
	}
	if p.pos == start {
		return segment{}, p.fail("expected a name or *")
	}
	switch p.peek() {
	case 0, '.', '[', '(', ' ', '\t', '\r', '\n':
		return segment{named: true, name: p.path[start:p.pos]}, nil
	}
	return segment{}, p.fail("a name with this character must be written ['…']")
}

// nameRune reports whether r is a name-first or name-char of RFC 9535 §2.5.1.1.
func nameRune(r rune, first bool) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_', r >= 0x80:
		return true
	}
	return !first && r >= '0' && r <= '9'
}

func (p *pathParser) bracket() (segment, error) {
	p.pos++
	p.blank()
	s, err := p.selector()
	if err != nil {
		return s, err
	}
	p.blank()
	switch p.peek() {
	case ']':
		p.pos++
		return s, nil
	case ',':
		return s, p.fail("unions are not supported")
	case ':':
		return s, p.fail("slices are not supported")
	}
	return s, p.fail("expected ]")
}

func (p *pathParser) selector() (segment, error) {
	switch c := p.peek(); {
	case c == '\'' || c == '"':
		name, err := p.quoted(c)
		return segment{named: true, name: name}, err
	case c == '*':
		p.pos++
		return segment{any: true, listed: true}, nil
	case c >= '0' && c <= '9':
		return p.index()
	case c == '?':
		return segment{}, p.fail("filters are not supported")
	case c == ':':
		return segment{}, p.fail("slices are not supported")
	case c == '-':
		return segment{}, p.fail("negative indexes are not supported")
	case c == '(':
		return segment{}, p.fail("functions are not supported")
	}
	return segment{}, p.fail("expected a quoted name, an index or *")
}

func (p *pathParser) index() (segment, error) {
	start := p.pos
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.pos++
	}
	digits := p.path[start:p.pos]
	n, err := strconv.ParseInt(digits, 10, strconv.IntSize)
	if err != nil || n > maxIndex || len(digits) > 1 && digits[0] == '0' {
		p.pos = start
		return segment{}, p.fail("an index is 0 to 2^53-1 without leading zeros")
	}
	return segment{index: int(n)}, nil
}
