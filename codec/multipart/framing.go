package multipart

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

// opening reads the first boundary, which nothing may precede.
func (s *scanner) opening(i int) (int, error) {
	want := s.delimiter.dashed()
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
	case s.mark == '-' && c == '-' && s.parts > 0:
		s.state = atEpilogue
		return i + 1, nil
	case s.mark == '-' && c == '-':
		return 0, s.malformed(i, "the body has no part")
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

// A tail is the end of the content that earlier pieces had.
type tail struct {
	bytes [len(delimiter{}.text)]byte
	n     int
}

func (t *tail) get() []byte { return t.bytes[:t.n] }

// add makes p the end of the content, of which t keeps n bytes at most.
func (t *tail) add(p []byte, n int) {
	if len(p) >= n {
		t.n = copy(t.bytes[:], p[len(p)-n:])
		return
	}
	if over := t.n + len(p) - n; over > 0 {
		t.n = copy(t.bytes[:], t.bytes[over:t.n])
	}
	t.n += copy(t.bytes[t.n:], p)
}

// content reads the content of a part from piece[i] up to a delimiter.
//
// The dashes and the boundary may occur nowhere else in the body: Django ends a
// part wherever they are, and PHP also behind a line feed alone.
func (s *scanner) content(i int) (int, error) {
	dashed := s.delimiter.dashed()
	at := s.seam()
	if at < 0 {
		k := bytes.Index(s.piece[i:], dashed)
		if k < 0 {
			return len(s.piece), s.keepTail(i)
		}
		at = s.base + int64(i+k)
	}
	if fault := s.beforeBoundary(at); fault != "" {
		if err := s.feed(at, false); err != nil {
			return 0, err
		}
		return 0, s.refuse(codec.Malformed, at, fault)
	}
	end := at - int64(len("\r\n"))
	if err := s.feed(end, true); err != nil {
		return 0, err
	}
	if err := s.endPart(end); err != nil {
		return 0, err
	}
	s.tail.n = 0
	s.state = atMark
	return int(at-s.base) + len(dashed), nil
}

// seam returns the offset of a boundary that begins in an earlier piece and
// ends in this one, or -1.
func (s *scanner) seam() int64 {
	if s.tail.n == 0 {
		return -1
	}
	var window [2 * len(delimiter{}.text)]byte
	w := append(append(window[:0], s.tail.get()...), s.piece[:min(len(s.piece), s.delimiter.n-1)]...)
	k := bytes.Index(w, s.delimiter.dashed())
	if k < 0 || k >= s.tail.n {
		return -1
	}
	return s.base - int64(s.tail.n) + int64(k)
}

// beforeBoundary says what is wrong with the bytes before the boundary at an
// offset.
func (s *scanner) beforeBoundary(at int64) (fault string) {
	n := at - s.part.start
	switch {
	case n == 0:
		return "a part has no line end between its headers and the boundary"
	case n > 1 && s.byteAt(at-2) == '\r' && s.byteAt(at-1) == '\n':
		return ""
	case s.byteAt(at-1) == '\n', s.byteAt(at-1) == '\r':
		return "a boundary after a line end that is not CRLF"
	}
	return "the boundary inside a line"
}

// byteAt returns a byte of the content that is in the piece or in the tail.
func (s *scanner) byteAt(at int64) byte {
	if at >= s.base {
		return s.piece[at-s.base]
	}
	return s.tail.bytes[int64(s.tail.n)-(s.base-at)]
}

// keepTail is called where the piece ends inside a part that it has from
// piece[i] on.
func (s *scanner) keepTail(i int) error {
	next := s.tail
	next.add(s.piece[i:], s.delimiter.n-1)
	known := s.base + int64(len(s.piece)-s.delimiter.pending(next.get()))
	if err := s.feed(known, false); err != nil {
		return err
	}
	s.tail = next
	return nil
}

// feed gives the content of the part up to an offset to what reads it. last
// says that the content ends there.
func (s *scanner) feed(to int64, last bool) error {
	whole := last && s.part.fed == s.part.start && s.part.start >= s.base
	if fed := s.part.fed; fed < min(to, s.base) {
		kept := s.tail.get()[int64(s.tail.n)-(s.base-fed):]
		if err := s.consume(kept[:min(to, s.base)-fed], false); err != nil {
			return err
		}
	}
	if fed := s.part.fed; fed < to {
		return s.consume(s.piece[fed-s.base:to-s.base], whole)
	}
	return nil
}
