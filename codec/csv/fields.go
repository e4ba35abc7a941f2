package csv

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

// Fixed words of errors that several places give.
const (
	raggedDetail   = "rows have different numbers of fields"
	nameDetail     = "the name of a column is longer than the limit"
	fieldDetail    = "more tagged values than the limit"
	slashDetail    = "a backslash before a quote, a delimiter or a line end, which the setting backslash allows"
	envelopeDetail = "a field holds an envelope where none may be"
)

// endField ends the field before chunk[end]. last says that it is the last of
// its row.
func (s *scanner) endField(end int, last bool) bool {
	from := max(int(s.start-s.base), 0)
	piece := s.chunk[from:end]
	if s.watch.end(piece) && !s.columns.takes(s.tags.Rule()) {
		s.fail(codec.EnvelopeFound, end, envelopeDetail)
		return false
	}
	s.foreign = s.foreign || s.first && !s.quoted && s.at == 0 && bytes.ContainsAny(piece, usual)
	switch {
	case s.named:
		return s.endName(piece, end)
	case s.tags.Rule() >= 0:
		return s.found(end, last)
	}
	return true
}

// endName ends the name of a column. piece is what this chunk has of it.
func (s *scanner) endName(piece []byte, end int) bool {
	defer s.name.Drop()
	if s.name.Len() > 0 {
		s.name.Add(piece)
		piece = s.name.Bytes()
	}
	if len(piece) > s.limits.NameBytes {
		s.fail(codec.NameLimit, int(s.start-s.base), nameDetail)
		return false
	}
	name := s.decode(piece)
	s.named = false
	others := s.d.others
	if s.quoted {
		others = ""
	}
	used, ok := s.columns.name(name)
	switch {
	case !ok:
		s.malformed(end, "two columns have one name that a rule uses")
	case !used && s.columns.hides(name, others):
		s.malformed(end, "blanks, quotes or a delimiter keep a column from having a name that a rule uses")
	}
	return s.err == nil
}

// found ends a tagged value.
func (s *scanner) found(end int, last bool) bool {
	f, ok := s.tags.Take(s.base + int64(end))
	if !ok {
		s.fail(codec.ValueLimit, end, "")
		return false
	}
	form, lead := 0, byte(0)
	if s.quoted {
		form, lead = inQuotes, '"'
	}
	if last && s.at == 0 {
		form |= alone
	}
	if s.start == s.begun {
		form |= firstHere
	}
	f.Kind, f.Value = codec.Text, s.decode(f.Value)
	s.tags.Put(f, &s.encoders[form], lead)
	return true
}

// decode returns the text of a field.
func (s *scanner) decode(field []byte) []byte {
	if !s.quoted {
		return field
	}
	field = field[1 : len(field)-1]
	if !s.doubled {
		return field
	}
	text := appendSingle(s.tags.Scratch.Tail(len(field)), field)
	s.tags.Scratch.Commit(text)
	return text
}

// keep keeps what will be needed of the field that the chunk p cuts.
func (s *scanner) keep(p []byte) {
	if s.state < inPlain || s.state > afterQuote {
		return
	}
	piece := p[max(int(s.start-s.base), 0):]
	s.watch.piece(piece)
	s.foreign = s.foreign || s.first && !s.quoted && s.at == 0 && bytes.ContainsAny(piece, usual)
	if !s.named {
		return
	}
	s.name.Add(piece)
	if s.name.Len() > s.limits.NameBytes {
		s.fail(codec.NameLimit, int(s.start-s.base), nameDetail)
	}
}

// complete ends the document, and its last field if no line end does.
func (s *scanner) complete() error {
	switch {
	case s.state == atLine:
	case s.state == afterCR:
		s.fail(codec.Truncated, 0, "the body ends behind a CR")
	case s.state == inQuoted:
		s.fail(codec.Truncated, 0, "the body ends in quotes")
	case s.tail != tail{}:
		s.fail(codec.Truncated, 0, "the body ends in a character")
	case !s.first && s.at != s.count-1:
		s.fail(codec.Truncated, 0, raggedDetail)
	case s.state == atField && s.beginField(nil, 0) < 0:
	case s.state == inPlain && s.base > s.start && s.d.escapes(nil, 0, s.slash):
		s.fail(codec.Truncated, 0, slashDetail)
	case s.endField(0, true):
		s.endRow(0)
	}
	return s.err
}

// malformed records that byte i of the chunk cannot be where it is.
func (s *scanner) malformed(i int, detail string) int { return s.fail(codec.Malformed, i, detail) }

// fail records the first error. Where the name of a column is longer than the
// limit already, that is the error: in smaller chunks the body would have
// failed there.
func (s *scanner) fail(code codec.Code, i int, detail string) int {
	at := s.base + int64(i)
	if s.named && at-s.start > int64(s.limits.NameBytes) {
		code, at, detail = codec.NameLimit, s.start, nameDetail
	}
	if s.err == nil {
		s.err = s.tags.Refuse(code, at, detail)
	}
	return -1
}
