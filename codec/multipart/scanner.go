package multipart

import (
	"errors"
	"slices"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// A state is what the framing allows next.
type state uint8

const (
	atOpening  state = iota // the first boundary
	atMark                  // after a boundary: a line end, or two dashes
	atHead                  // a line of the headers of a part
	inPart                  // the content of a part
	atEpilogue              // a line end, or nothing
)

// maxParts is the number of parts that a body may have.
const maxParts = 100_000

// A scanner is the [codec.Scanner] of multipart/form-data. It holds at most one
// unfinished header line, whose length is limited, and the last bytes of the
// content that it has read, which may begin a delimiter.
type scanner struct {
	piece []byte // being read
	base  int64  // offset of its first byte

	state   state
	matched int  // bytes read of what state expects
	mark    byte // the first byte after a boundary
	parts   int  // so far

	search search
	head   head
	reader reader
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// nothing and noPlan are what a scan without rules takes its guard and its plan
// from.
var (
	nothing codec.Guard
	noPlan  plan
)

var errUnchecked = errors.New("multipart: Body.Checked is not what Check returned")

// scan is Format.Scan.
func scan(b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
	p, ok := b.Checked.(*plan)
	sel := b.At.Selector()
	if !ok {
		if sel != nil {
			return nil, errUnchecked
		}
		p = &noPlan
	}
	if sel != nil && !b.Inner && sel.Guard().Root == codec.ArrayRoot {
		return nil, &codec.Error{Code: codec.WrongRoot, Detail: "form data is an object"}
	}
	s := scanners.Get().(*scanner)
	if fault := s.search.delimiter.set(b.Params); fault != "" {
		scanners.Put(s)
		return nil, &codec.Error{Code: codec.BadParams, Detail: fault}
	}
	r := &s.reader
	r.body, r.tags, r.sel, r.plan, r.guard = b, tags, sel, p, &nothing
	r.inners = slices.Grow(r.inners, len(p.documents))[:len(p.documents)]
	for i := range r.forms {
		r.forms[i] = encoder(i)
	}
	if sel != nil {
		r.guard = sel.Guard()
		r.names.Reset(b.At, p.dialect)
	}
	tags.Forbid(s.search.delimiter.dashed())
	return s, nil
}

// Scan implements [codec.Scanner].
func (s *scanner) Scan(p []byte, base int64) error {
	s.piece, s.base = p, base
	for i := 0; i < len(p); {
		n, err := s.next(i)
		if err != nil {
			return err
		}
		i = n
	}
	switch part := &s.reader.part; {
	case s.state == inPart && part.watched():
		if part.fed < base+int64(len(p)) {
			s.reader.tags.Hold(part.fed)
		}
		if part.kind == documentPart {
			return part.inner.Scan(nil, part.fed) // holds again what it held, also where it has read no more
		}
	case s.state != atHead || s.reader.sel == nil:
	case s.head.measured:
		s.reader.tags.Hold(s.head.lengthAt)
	default: // the line may be a Content-Length
		s.reader.tags.Hold(base + int64(len(p)-s.head.line.Len()))
	}
	s.piece = nil
	return nil
}

// next reads from piece[i], and returns the index after what it has read.
func (s *scanner) next(i int) (int, error) {
	switch s.state {
	case atOpening:
		return s.opening(i)
	case atMark:
		return s.afterBoundary(i)
	case atHead:
		return s.headLine(i)
	case inPart:
		return s.content(i)
	}
	return s.epilogue(i)
}

// End implements [codec.Scanner].
func (s *scanner) End(at int64) error {
	if s.state != atEpilogue || s.matched == 1 {
		return s.reader.refuse(codec.Truncated, at, "the body ends before its last boundary")
	}
	s.state, s.matched, s.parts, s.reader.graph = atOpening, 0, 0, 0
	return nil
}

// Free implements [codec.Scanner].
func (s *scanner) Free() {
	s.reader.free()
	s.head.line.Drop()
	names, inners, spare := s.reader.names, s.reader.inners, s.reader.spare
	*s = scanner{}
	s.reader.names, s.reader.inners, s.reader.spare = names, inners[:0], spare
	scanners.Put(s)
}

// malformed refuses the body at piece[i].
func (s *scanner) malformed(i int, detail string) error {
	return s.reader.refuse(codec.Malformed, s.base+int64(i), detail)
}
