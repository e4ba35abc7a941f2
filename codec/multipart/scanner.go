package multipart

import (
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/form"
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

	delimiter delimiter
	head      head
	part      part
	tail      tail

	body  codec.Body // what it was made of
	tags  *codec.Splicer
	sel   *codec.Selector // nil: there are no rules
	guard *codec.Guard    // never nil
	plan  *plan           // never nil
	names form.Names

	fields, files encoder
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
	if fault := s.delimiter.set(b.Params); fault != "" {
		scanners.Put(s)
		return nil, &codec.Error{Code: codec.BadParams, Detail: fault}
	}
	s.body, s.tags, s.sel, s.plan, s.guard = b, tags, sel, p, &nothing
	s.fields, s.files = encoder{}, encoder{file: true}
	if sel != nil {
		s.guard = sel.Guard()
		s.names.Reset(b.At, p.dialect)
	}
	tags.Forbid(s.delimiter.dashed())
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
	if s.state == inPart && s.part.watched() && s.part.fed < base+int64(len(p)) {
		s.tags.Hold(s.part.fed)
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
		return s.tags.Refuse(codec.Truncated, at, "the body ends before its last boundary")
	}
	s.state, s.matched, s.parts = atOpening, 0, 0
	return nil
}

// Free implements [codec.Scanner].
func (s *scanner) Free() {
	s.part.free()
	s.head.line.Drop()
	s.names.Free()
	names := s.names
	*s = scanner{names: names}
	scanners.Put(s)
}

// malformed refuses the body at piece[i].
func (s *scanner) malformed(i int, detail string) error {
	return s.refuse(codec.Malformed, s.base+int64(i), detail)
}

func (s *scanner) refuse(code codec.Code, at int64, detail string) error {
	return s.tags.Refuse(code, at, detail)
}
