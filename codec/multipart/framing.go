package multipart

import "github.com/sealmesh/sealmesh/codec"

// opening reads the first boundary, which nothing may precede.
func (s *scanner) opening(i int) (int, error) {
	want := s.search.delimiter.dashed()
	for ; i < len(s.piece); i++ {
		if s.piece[i] != want[s.matched] {
			return 0, s.malformed(i, "expected the boundary at the start of the body")
		}
		if s.matched++; s.matched == len(want) {
			s.state, s.matched = atMark, 0
			return i + 1, nil
		}
	}
	return i, nil
}

// afterBoundary reads what follows a boundary: a line end before another part,
// or the two dashes of the last boundary.
func (s *scanner) afterBoundary(i int) (int, error) {
	c := s.piece[i]
	if s.matched == 0 {
		switch c {
		case '\r', '-':
			s.mark, s.matched = c, 1
			return i + 1, nil
		case '\n':
			return 0, s.malformed(i, "the line of a boundary ends without CR")
		case ' ', '\t':
			return 0, s.malformed(i, "a blank after a boundary")
		}
		return 0, s.malformed(i, "a line begins with the boundary and continues")
	}
	s.matched = 0
	switch {
	case s.mark == '\r' && c == '\n':
		return i + 1, s.beginHead(i + 1)
	case s.mark == '-' && c == '-': // perhaps of a form without fields
		s.state = atEpilogue
		return i + 1, nil
	}
	return 0, s.malformed(i, "a line begins with the boundary and continues")
}

// epilogue reads what follows the last boundary: at most one line end.
func (s *scanner) epilogue(i int) (int, error) {
	for ; i < len(s.piece); i++ {
		if s.matched == len("\r\n") || s.piece[i] != "\r\n"[s.matched] {
			return 0, s.malformed(i, "expected the end of the body after the last boundary")
		}
		s.matched++
	}
	return i, nil
}

// content reads the content of a part from piece[i] up to a delimiter.
//
// The dashes and the boundary may occur nowhere else in the body: Django ends a
// part wherever they are, and PHP also behind a line feed alone.
func (s *scanner) content(i int) (int, error) {
	r := &s.reader
	at := s.search.find(s.piece, i, s.base)
	if at < 0 {
		return len(s.piece), s.keepTail(i)
	}
	if fault := s.search.before(at, r.part.start, s.piece, s.base); fault != "" {
		if err := s.feed(at, false); err != nil {
			return 0, err
		}
		return 0, r.refuse(codec.Malformed, at, fault)
	}
	end := at - int64(len("\r\n"))
	if err := s.feed(end, true); err != nil {
		return 0, err
	}
	if err := r.endPart(&s.head, end); err != nil {
		return 0, err
	}
	s.search.tail.n = 0
	s.state = atMark
	return int(at-s.base) + len(s.search.delimiter.dashed()), nil
}

// keepTail is called where the piece ends inside a part that it has from
// piece[i] on.
func (s *scanner) keepTail(i int) error {
	delimiter := &s.search.delimiter
	next := s.search.tail
	next.add(s.piece[i:], delimiter.n-1)
	known := s.base + int64(len(s.piece)-delimiter.pending(next.get()))
	if err := s.feed(known, false); err != nil {
		return err
	}
	s.search.tail = next
	return nil
}

// feed gives the content of the part up to an offset to what reads it. last
// says that the content ends there.
func (s *scanner) feed(to int64, last bool) error {
	p, tail := &s.reader.part, &s.search.tail
	whole := last && p.fed == p.start && p.start >= s.base
	if fed := p.fed; fed < min(to, s.base) {
		kept := tail.get()[int64(tail.n)-(s.base-fed):]
		if err := s.reader.consume(kept[:min(to, s.base)-fed], false); err != nil {
			return err
		}
	}
	if fed := p.fed; fed < to {
		return s.reader.consume(s.piece[fed-s.base:to-s.base], whole)
	}
	return nil
}
