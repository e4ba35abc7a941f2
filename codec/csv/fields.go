package csv

import "github.com/sealmesh/sealmesh/codec"

// Fixed words of errors that several places give.
const (
	raggedDetail   = "rows have different numbers of fields"
	nameDetail     = "the name of a column is longer than the limit"
	fieldDetail    = "more tagged values than the limit"
	slashDetail    = "a backslash before a quote, a delimiter or a line end"
	envelopeDetail = "a field holds an envelope where none may be"
)

// escapes reports whether the byte before p[i] is a backslash that a reader may
// take for an escape.
func (s *scanner) escapes(p []byte, i int) bool {
	if s.d.backslash {
		return false
	}
	if i == 0 {
		return s.slash
	}
	return p[i-1] == '\\'
}

// endField ends the field before chunk[end]. last says that it is the last of
// its row.
func (s *scanner) endField(end int, last bool) bool {
	from := max(int(s.start-s.base), 0)
	piece := s.chunk[from:end]
	if s.spotted(piece) && !s.takesEnvelope() {
		s.fail(codec.EnvelopeFound, end, envelopeDetail)
		return false
	}
	if s.first && !s.quoted && s.at == 0 {
		s.watchDialect(piece)
	}
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
	return s.takeName(name, end)
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

// watchDialect notes whether the first field of the body has the delimiter of
// another dialect.
func (s *scanner) watchDialect(piece []byte) {
	for _, c := range piece {
		switch c {
		case ',', ';', '|', '\t':
			s.foreign = true
		}
	}
}

// keep keeps what will be needed of the field that the chunk p cuts.
func (s *scanner) keep(p []byte) {
	if s.state < inPlain || s.state > afterQuote {
		return
	}
	piece := p[max(int(s.start-s.base), 0):]
	s.spotPiece(piece)
	if s.first && !s.quoted && s.at == 0 {
		s.watchDialect(piece)
	}
	if !s.named {
		return
	}
	s.name.Add(piece)
	if s.name.Len() > s.limits.NameBytes {
		s.fail(codec.NameLimit, int(s.start-s.base), nameDetail)
	}
}

// spotPiece reads a piece of a field that comes in pieces. It searches the
// middle of a long piece fast.
func (s *scanner) spotPiece(piece []byte) {
	if s.guard.Envelope == nil {
		return
	}
	s.cut = true
	if n := len(piece); n > 4*codec.HeadLen {
		s.spotEach(piece[:codec.HeadLen])
		s.spot.Skip(codec.HoldsEnvelope(piece, s.guard.Envelope))
		piece = piece[n-codec.HeadLen:]
	}
	s.spotEach(piece)
}

func (s *scanner) spotEach(piece []byte) {
	for _, c := range piece {
		s.spot.Char(c, s.guard.Envelope)
	}
}

// spotted reports whether the field that ends with piece holds an envelope that
// the guard knows.
func (s *scanner) spotted(piece []byte) bool {
	if !s.cut {
		return len(piece) >= s.long && codec.HoldsEnvelope(piece, s.guard.Envelope)
	}
	s.spotPiece(piece)
	found := s.spot.Found()
	s.spot, s.cut = codec.Spotter{}, false
	return found
}

// takesEnvelope reports whether a rule takes the field that was just read, even
// if it holds an envelope.
func (s *scanner) takesEnvelope() bool {
	rule := s.tags.Rule()
	if rule < 0 {
		return false
	}
	r := s.columns.sel.Rule(rule)
	return r.Open || r.Envelopes
}

// complete ends the body.
func (s *scanner) complete() error {
	switch s.state {
	case atLine:
	case afterCR:
		s.fail(codec.Truncated, 0, "the body ends behind a CR")
	case inQuoted:
		s.fail(codec.Truncated, 0, "the body ends in quotes")
	default:
		s.lastField()
	}
	return s.err
}

// lastField ends the last field of a body without a last line end.
func (s *scanner) lastField() {
	switch {
	case s.tail != tail{}:
		s.fail(codec.Truncated, 0, "the body ends in a character")
	case !s.first && s.at != s.count-1:
		s.fail(codec.Truncated, 0, raggedDetail)
	case s.state == atField && s.beginField(nil, 0) < 0:
	case s.state == inPlain && s.base > s.start && s.escapes(nil, 0):
		s.fail(codec.Truncated, 0, slashDetail)
	case s.endField(0, true):
		s.endRow(0)
	}
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
