package csv

import "github.com/sealmesh/sealmesh/codec"

// beginLine reads an empty line, or begins a row.
func (s *scanner) beginLine(p []byte, i int) int {
	switch s.d.plain[p[i]] {
	case crByte:
		s.blank, s.state = true, afterCR
		return i + 1
	case lfByte:
		s.blank = true
		return i + 1
	}
	if s.blank {
		return s.malformed(i, "an empty line before a row")
	}
	s.beginRow()
	return i
}

func (s *scanner) beginRow() {
	s.state, s.at, s.next = atField, 0, 0
	if s.first && s.d.header {
		return
	}
	s.usual = s.columns.enter(s.row) && !s.first
}

// stop returns the next column of a usual row that a rule owns, or the number
// of columns.
func (s *scanner) stop() int {
	if s.next < len(s.columns.owned) {
		return s.columns.owned[s.next].at
	}
	return s.count
}

// beginField begins the field whose first byte is p[i], or which is empty.
func (s *scanner) beginField(p []byte, i int) int {
	switch {
	case s.first && s.at == maxColumns:
		return s.fail(codec.FieldLimit, i, "a row has more fields than the limit")
	case !s.first && s.at == s.count:
		return s.malformed(i, raggedDetail)
	}
	s.start, s.quoted, s.doubled = s.base+int64(i), false, false
	s.named = s.first && s.d.header && s.columns.sel != nil
	if rule := s.owner(); rule >= 0 && !s.tags.Begin(rule, s.start) {
		return s.fail(codec.FieldLimit, i, fieldDetail)
	}
	s.state = inPlain
	if i < len(p) && s.d.plain[p[i]] == quoteByte {
		s.state, s.quoted = inQuoted, true
		i++
	}
	return i
}

// owner returns the rule that owns the field that begins, or -1.
func (s *scanner) owner() int {
	switch {
	case s.first && s.d.header:
		return -1
	case !s.usual:
		return s.columns.rule(s.at)
	case s.at == s.stop():
		s.next++
		return s.columns.owned[s.next-1].rule
	}
	return -1
}

// closeField ends the field before p[i], which is a delimiter or begins a line
// end, and reads that.
func (s *scanner) closeField(p []byte, i int) int {
	end := s.d.plain[p[i]]
	if !s.quoted && s.base+int64(i) > s.start && s.escapes(p, i) {
		return s.malformed(i, slashDetail)
	}
	if !s.endField(i, end != delimiterByte) {
		return -1
	}
	switch end {
	case delimiterByte:
		s.at++
		s.state = atField
	case crByte:
		s.state = afterCR
	default:
		return s.endRow(i)
	}
	return i + 1
}

// endLine reads the LF after a CR.
func (s *scanner) endLine(p []byte, i int) int {
	if p[i] != '\n' {
		return s.malformed(i, "a CR without an LF")
	}
	if s.blank {
		s.state = atLine
		return i + 1
	}
	return s.endRow(i)
}

// endRow ends the row whose line end has p[i] for its last byte.
func (s *scanner) endRow(i int) int {
	s.state = atLine
	if !s.first {
		if s.at+1 < s.count {
			return s.malformed(i, raggedDetail)
		}
		s.row++
		return i + 1
	}
	s.first, s.count = false, s.at+1
	s.columns.build(s.count)
	if s.foreign && s.count == 1 && s.columns.misses(0) {
		return s.malformed(i, "one column, and a delimiter that the policy does not state")
	}
	if !s.d.header {
		s.row++
	}
	return i + 1
}

// takeName ends the name of a column, which is decoded.
func (s *scanner) takeName(name []byte, end int) bool {
	used, ok := s.columns.name(name)
	if !ok {
		s.malformed(end, "two columns have one name that a rule uses")
		return false
	}
	others := s.d.others
	if s.quoted {
		others = ""
	}
	if !used && s.columns.hides(name, others) {
		s.malformed(end, "blanks, quotes or a delimiter keep a column from having a name that a rule uses")
		return false
	}
	return true
}
