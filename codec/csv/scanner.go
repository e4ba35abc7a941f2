package csv

import "github.com/sealmesh/sealmesh/codec"

// maxColumns is the number of fields that a row may have.
const maxColumns = 16_384

// A state is what the grammar allows next.
type state uint8

const (
	atLine     state = iota // a line, or the end of the body
	atField                 // a field, empty or not
	inPlain                 // the rest of a field without quotes
	inQuoted                // the rest of a field in quotes
	afterQuote              // a second quote, or the end of the field
	afterCR                 // LF
)

// A lineStyle is how the lines of a body end.
type lineStyle uint8

const (
	noEnd lineStyle = iota // no line has ended yet
	endsLF
	endsCRLF
)

// take reports whether a line may end like that: as the first line did. Some
// readers take the first line end for that of all lines, and split no others.
func (l *lineStyle) take(as lineStyle) bool {
	if *l == noEnd {
		*l = as
	}
	return *l == as
}

// A scanner validates rows and finds tagged values.
//
// It reads each byte by the fastest of three loops that can: skipFields, for
// fields that no rule owns; plainEnd and quoteEnd, for a field of
// any kind; and tail.step, byte by byte, for a character that a chunk cut.
// Methods that read take the index of the next byte and return the index after
// what they read, or -1 when err is set.
type scanner struct {
	d      *dialect
	chunk  []byte // being read
	base   int64  // offset in the body of its first byte
	state  state
	tail   tail  // of the character that the last chunk cut
	behind bool  // the document begins with a byte order mark
	begun  int64 // offset of the document, without a byte order mark
	slash  bool  // the last chunk ends with a backslash

	// The line.
	first bool // it is the first of the body
	blank bool // the last line is empty
	ends  lineStyle
	row   int // its index, without the line of names
	count int // fields of each row; 0 in the first line
	at    int // the field

	// The field.
	start   int64 // its offset
	quoted  bool
	doubled bool // it has a quote inside
	named   bool // it is the name of a column
	foreign bool // it has the delimiter of another dialect, outside quotes
	watch   watch
	name    codec.Held // what earlier chunks have of a name

	columns columns
	limits  codec.Limits
	tags    *codec.Splicer // of the body
	encoders

	err error
}

// scan reads one piece, after which err says whether the body is still good.
func (s *scanner) scan(p []byte) error {
	s.chunk = p
	i := 0
	for i >= 0 && i < len(p) {
		switch s.state {
		case atLine:
			i = s.beginLine(p, i)
		case atField:
			i = s.beginField(p, i)
		case inPlain:
			i = s.scanPlain(p, i)
		case inQuoted:
			i = s.scanQuoted(p, i)
		case afterQuote:
			i = s.endQuoted(p, i)
		case afterCR:
			switch {
			case p[i] != '\n':
				i = s.malformed(i, "a CR without an LF")
			case !s.ends.take(endsCRLF):
				i = s.malformed(i, endsDetail)
			case s.blank:
				s.state = atLine
				i++
			default:
				i = s.endRow(i)
			}
		}
	}
	s.chunk = nil
	if s.err == nil && len(p) > 0 {
		s.slash = p[len(p)-1] == '\\'
		s.keep(p)
		s.base += int64(len(p))
	}
	return s.err
}
