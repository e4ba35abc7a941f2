package sse

import (
	"errors"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// A place is where in the body the next byte is.
type place uint8

const (
	atMark  place = iota // in a byte order mark, or at the first line
	atName               // at a line, of which "data" at most was read
	inField              // in a line that is not data
	atSpace              // behind the colon of a data line
	inData               // in the value of a data line
)

const (
	byteOrderMark = "\xef\xbb\xbf"
	dataName      = "data"
)

// A scanner is the [codec.Scanner] of events. It holds at most one line that is
// not data, whose length is limited, and the beginning of data that may be a
// plain text.
type scanner struct {
	place    place
	matched  int  // bytes of the byte order mark or of "data" that were read
	carriage bool // the last byte was CR: LF after it belongs to it
	dataCR   bool // the last line is data, and CR ends it

	lineStart int64      // offset of a line that is not data
	line      codec.Held // what earlier chunks have of it

	event event

	limits codec.Limits
	isHead func(text []byte) bool // Guard.Envelope, or nil
	tags   *codec.Splicer
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

var errUnchecked = errors.New("sse: Body.Checked is not what Check returned")

// scan is Format.Scan.
func scan(data *codec.Format, b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
	if b.Direction != codec.Response {
		return nil, &codec.Error{Code: codec.Malformed, Detail: "events are sent in responses"}
	}
	if !b.Params.Only("charset") {
		return nil, &codec.Error{Code: codec.Malformed, Detail: "events have no parameter but charset"}
	}
	c, ok := b.Checked.(*checked)
	sel := b.At.Selector()
	if !ok && sel != nil {
		return nil, errUnchecked
	}
	s := scanners.Get().(*scanner)
	s.limits, s.tags = b.Limits, tags
	if ok {
		s.event.plain, b.Checked = c.plain, c.data
	}
	if sel != nil {
		s.isHead = sel.Guard().Envelope
	}
	if err := s.event.begin(data, b, tags); err != nil {
		s.Free()
		return nil, err
	}
	return s, nil
}

// Scan implements [codec.Scanner].
func (s *scanner) Scan(p []byte, base int64) error {
	for i := 0; i < len(p); {
		n, err := s.step(p[i:], base+int64(i))
		if err != nil {
			return err
		}
		i += n
	}
	s.event.hold()
	return nil
}

// step reads a part of a line, which begins at an offset, and returns its
// length.
func (s *scanner) step(p []byte, at int64) (n int, err error) {
	if s.carriage {
		s.carriage = false
		if p[0] == '\n' {
			s.dataCR = false
			return 1, nil
		}
	}
	switch s.place {
	case atMark:
		return s.readMark(p[0], at)
	case atName:
		return s.readName(p, at)
	case inField:
		return s.readField(p, at)
	case atSpace:
		s.place = inData
		if p[0] == ' ' {
			return 1, nil
		}
		return 0, nil
	}
	return s.readData(p, at)
}

// readMark reads a byte of a byte order mark, or comes to the first line.
func (s *scanner) readMark(c byte, at int64) (n int, err error) {
	if c == byteOrderMark[s.matched] {
		if s.matched++; s.matched == len(byteOrderMark) {
			s.place, s.matched = atName, 0
		}
		return 1, nil
	}
	if s.matched > 0 {
		return 0, s.refuse(codec.Malformed, at-int64(s.matched), fieldDetail)
	}
	s.place = atName
	return 0, nil
}

// readName reads a line as far as it may be a data line, and a blank line.
func (s *scanner) readName(p []byte, at int64) (n int, err error) {
	if s.matched == 0 {
		s.lineStart = at
	}
	for n < len(p) && s.matched < len(dataName) && p[n] == dataName[s.matched] {
		n, s.matched = n+1, s.matched+1
	}
	if n == len(p) {
		return n, nil
	}
	c := p[n]
	behindCR := s.dataCR && s.matched == 0
	s.dataCR = false
	switch {
	case behindCR && c == ':':
		return 0, s.refuse(codec.Malformed, at+int64(n), behindDetail)
	case s.matched == 0 && isEnd(c):
		s.endLine(c)
		return 1, s.event.end(at, codec.Malformed)
	case s.matched == len(dataName) && isEnd(c):
		s.place = inData
		return n, s.event.beginLine(at + int64(n))
	case s.matched == len(dataName) && c == ':':
		s.place = atSpace
		return n + 1, s.event.beginLine(at + int64(n))
	}
	s.line.Add([]byte(dataName[:s.matched]))
	s.place = inField
	return n, nil
}

// readData reads the value of a data line.
func (s *scanner) readData(p []byte, at int64) (n int, err error) {
	n = lineLen(p)
	if n == len(p) {
		return n, s.event.read(p, at, false)
	}
	if err := s.event.read(p[:n], at, true); err != nil {
		return 0, err
	}
	s.endLine(p[n])
	s.dataCR = s.carriage
	return n + 1, s.event.endLine(at + int64(n))
}

// endLine passes the first byte of a line end.
func (s *scanner) endLine(c byte) {
	s.place, s.matched, s.carriage = atName, 0, c == '\r'
}

// End implements [codec.Scanner].
func (s *scanner) End(at int64) error {
	if err := s.endLast(at); err != nil {
		return err
	}
	s.place, s.matched, s.carriage, s.dataCR = atMark, 0, false, false
	return s.event.end(at, codec.Truncated)
}

// endLast ends the last line, which may lack its line end.
func (s *scanner) endLast(at int64) error {
	switch {
	case s.place == atName && s.matched > 0 && s.matched < len(dataName):
		s.line.Add([]byte(dataName[:s.matched]))
		return s.endField(nil, at)
	case s.place == inField:
		return s.endField(nil, at)
	case s.place == atMark && s.matched > 0:
		return s.refuse(codec.Malformed, at-int64(s.matched), fieldDetail)
	case s.place == atName && s.matched == len(dataName):
		if err := s.event.beginLine(at); err != nil {
			return err
		}
	case s.place != atSpace && s.place != inData:
		return nil
	}
	if err := s.event.read(nil, at, true); err != nil {
		return err
	}
	return s.event.endLine(at)
}

// Free implements [codec.Scanner].
func (s *scanner) Free() {
	s.line.Drop()
	s.event.free()
	*s = scanner{}
	scanners.Put(s)
}

func (s *scanner) refuse(code codec.Code, at int64, detail string) error {
	return s.tags.Refuse(code, at, detail)
}
